"""The published schemas, and where a message is not as the one of its class says."""

from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from gateway.schemas import schemas

SCHEMAS = schemas.all_schemas()
VALIDATORS = {name: Draft202012Validator(found, format_checker=FormatChecker()) for name, found in SCHEMAS.items()}
#: A receive time all of whose digits count.
RECEIVED_NS = 1_780_000_000_123_456_789


def faults(message: Any, event_type: str) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATORS[event_type].iter_errors(message)]
