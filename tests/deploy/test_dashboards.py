"""The dashboards: whole, valid PromQL over metrics that exist, and SQL that the read-only role may ask and gets rows from."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg2.errors
import pytest
import yaml

from gateway.database import db
from tests.deploy import boards, compose, documents, promtool
from tests.integration.running import ROOT

ASKS = list(boards.asks())
PROMQL = [ask for ask in ASKS if not ask.is_sql]
SQL = [ask for ask in ASKS if ask.is_sql]
PANELS = [(name, panel) for name, board in boards.BOARDS.items() for panel in board["panels"]]
SOURCES = {
    row["uid"]: row for row in yaml.safe_load((boards.FOLDER / "provisioning/datasources/gateway.yml").read_text())["datasources"]
}
#: What a person has chosen above the panels.
CHOSEN = {"account": "'main'", "coin": "'USDT','BTC'", "kind": "'connected','gap'", "endpoint": "'linear'", "topic": "''"}
READER = "reader-test"
#: A row of each table that a panel reads, dated now.
FILL = """
insert into account_balances (id, account, account_type, coin, wallet_balance, available_balance, frozen, equity, usd_value, event_timestamp,
    received_at, event_id, trace_id, source, derived, warnings)
values (gen_random_uuid(), 'main', 'UNIFIED', 'USDT', 10.5, 10, 0.5, 10.5, 10.5, now(), now(), gen_random_uuid(), 't', 'stream', '{}', '{negative}');
insert into account_margin_balances (id, account, account_type, total_equity, total_wallet_balance, total_margin_balance, total_available_balance,
    total_initial_margin, total_maintenance_margin, total_order_im, base_currency, event_timestamp, received_at, event_id, trace_id, source, warnings)
values (gen_random_uuid(), 'main', 'UNIFIED', 100, 100, 100, 90, 10, 5, 0, 'USD', now(), now(), gen_random_uuid(), 't', 'stream', '{}');
insert into occurrences (event_id, at, kind, endpoint, worker, topic, detail, sequence)
values (gen_random_uuid(), now(), 'connected', 'linear', 'linear_00', null, null, 1);
insert into gaps (id, endpoint, worker, topic, cause, from_at, recovered, detail, opened_at, updated_at, sequence, told_by)
values (gen_random_uuid(), 'linear', 'linear_00', 'publicTrade.BTCUSDT', 'disconnected', now(), null, null, now(), now(), 1, gen_random_uuid());
insert into gaps (id, endpoint, worker, topic, cause, from_at, to_at, recovered, detail, opened_at, updated_at, sequence, told_by)
values (gen_random_uuid(), 'linear', 'linear_00', null, 'disconnected', now(), now(), false, 'x', now(), now(), 2, gen_random_uuid());
"""


def run(url: str, *statements: str, password: str = "") -> list[list[tuple[Any, ...]]]:
    """The rows of each; `password`: the setting that reader.sql reads."""
    connection = db.connect(url, name="test", autocommit=True)
    found = []
    try:
        with connection.cursor() as cursor:
            if password:
                cursor.execute("select set_config('reader.password', %s, false)", (password,))
            for statement in statements:
                cursor.execute(statement)
                found.append(cursor.fetchall() if cursor.description else [])
    finally:
        connection.close()
    return found


def make_reader(database_url: str, password: str = READER) -> str:
    """The URL of Grafana's role, which the file of docker-compose.yml makes."""
    run(database_url, (boards.FOLDER.parent / "postgres" / "reader.sql").read_text(), password=password)
    return re.sub(r"//[^@]*@", f"//gateway_reader:{password}@", database_url)


def test_files_are_what_the_rows_write(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(boards.FOLDER / "write.py"), str(tmp_path)], check=True)
    for name, board in boards.BOARDS.items():
        assert json.loads((tmp_path / f"{name}.json").read_text()) == board, f"{name}: run deploy/grafana/write.py"
    assert (
        {path.stem for path in tmp_path.iterdir()}
        == set(boards.BOARDS)
        == {"connections", "delivery", "queues", "balances", "events"}
    )


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=[f"{name}: {panel['title']}" for name, panel in PANELS])
def test_panel_has_title_description_unit_source_and_place(name: str, panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for target in [panel, *panel["targets"]]:
        assert SOURCES[target["datasource"]["uid"]]["type"] == target["datasource"]["type"]
    place = panel["gridPos"]
    assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    taken = [
        (other["title"], other["gridPos"]) for other_name, other in PANELS if other_name == name and other["id"] != panel["id"]
    ]
    covered = [
        title
        for title, other in taken
        if place["x"] < other["x"] + other["w"]
        and other["x"] < place["x"] + place["w"]
        and place["y"] < other["y"] + other["h"]
        and other["y"] < place["y"] + place["h"]
    ]
    assert covered == []


def test_titles_and_numbers_of_a_dashboards_panels_differ() -> None:
    for name, board in boards.BOARDS.items():
        for key in ("id", "title"):
            found = [panel[key] for panel in board["panels"]]
            assert len(set(found)) == len(found), f"{name}: {key}"
    assert len({board["uid"] for board in boards.BOARDS.values()}) == len(boards.BOARDS)


def test_every_variable_that_is_asked_with_exists() -> None:
    for ask in ASKS:
        used = {first or second for first, second in re.findall(r"\$\{(\w+)[:}]|\$(?!__)(\w+)", ask.text)}
        assert used <= set(boards.variables(ask.board)), ask


def test_every_expression_is_valid_promql(tmp_path: Path) -> None:
    rules = [{"record": f"panel:ask:{number}", "expr": promql(ask)} for number, ask in enumerate(PROMQL)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = promtool.run("check", "rules", "panels.yml", cwd=tmp_path)
    assert (done.returncode, f"{len(PROMQL)} rules found" in done.stdout) == (0, True), done.stdout


def test_invalid_promql_would_be_found(tmp_path: Path) -> None:
    rules = [{"record": "panel:ask:0", "expr": promql(PROMQL[0]) + ")"}]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert promtool.run("check", "rules", "panels.yml", cwd=tmp_path).returncode == 1


def promql(ask: boards.Ask) -> str:
    return boards.filled(ask.text, dict.fromkeys(boards.variables(ask.board), ".*"))


def test_every_metric_that_a_panel_or_variable_names_exists_and_has_those_labels() -> None:
    labels = documents.labels()
    known = set(labels) | documents.recorded()
    asked = [(str(ask), ask.text) for ask in PROMQL]
    asked += [(name, row["definition"]) for name in boards.BOARDS for row in boards.variables(name).values() if "definition" in row]
    for who, text in asked:
        assert documents.names_in(text) - known == set(), who
        for metric, chosen in re.findall(r"(ws_gateway_\w+)\{([^}]*)\}", text):
            assert set(re.findall(r"(\w+)[=!]", chosen)) <= labels[metric], who
        for name in documents.names_in(text) & set(labels):
            grouped = {label for group in re.findall(r"by \(([^)]*)\)", text) for label in re.split(r",\s*", group)}
            assert grouped <= labels[name] | {"le"}, f"{who}: {name} has no such label"


def test_transitions_show_each_status_as_its_word(tmp_path: Path) -> None:
    """promtool works the panel's expression out: the figure of a status is the one that the panel has a word for."""
    [ask] = [ask for ask in PROMQL if ask.panel["title"] == "Transitions"]
    words = {text["text"]: int(number) for number, text in ask.panel["fieldConfig"]["defaults"]["mappings"][0]["options"].items()}
    assert set(words) == documents.words_of("ws_gateway_connection_up")
    tests = [
        {
            "interval": "10s",
            "input_series": [
                {"series": f'ws_gateway_connection_up{{worker="linear_00",status="{other}"}}', "values": f"{int(other == word)}x3"}
                for other in words
            ],
            "promql_expr_test": [
                {"expr": promql(ask), "eval_time": "20s", "exp_samples": [{"labels": '{worker="linear_00"}', "value": number}]}
            ],
        }
        for word, number in words.items()
    ]
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": [], "tests": tests}))
    done = promtool.run("test", "rules", "test.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_read_only_role_gets_rows_for_every_question(database_url: str) -> None:
    reader = make_reader(database_url)
    run(database_url, FILL)
    for ask in SQL:
        [rows] = run(reader, boards.filled(ask.text, CHOSEN))
        assert rows, str(ask)
        assert rows != [(0,)], str(ask)


def test_lists_of_choices_are_never_empty(database_url: str) -> None:
    """`in ()` would be no SQL."""
    reader = make_reader(database_url)
    asked = [
        row["query"]
        for name in boards.BOARDS
        for row in boards.variables(name).values()
        if row.get("datasource", {}).get("uid") == "gateway-postgres"
    ]
    assert len(asked) == 4
    for rows in run(reader, *(boards.filled(text, CHOSEN) for text in asked)):
        assert rows


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("delete from gaps", psycopg2.errors.ReadOnlySqlTransaction),
        ("set default_transaction_read_only = off; delete from gaps", psycopg2.errors.InsufficientPrivilege),
        ("set default_transaction_read_only = off; create table mine (a int)", psycopg2.errors.InsufficientPrivilege),
        ("select * from api_keys", psycopg2.errors.InsufficientPrivilege),
        ("select * from audit", psycopg2.errors.InsufficientPrivilege),
    ],
)
def test_role_reads_nothing_else_and_never_writes(database_url: str, statement: str, fault: type[Exception]) -> None:
    reader = make_reader(database_url)
    with pytest.raises(fault):
        run(reader, *statement.split("; "))


def test_role_is_made_again_with_another_password(database_url: str) -> None:
    make_reader(database_url)
    reader = make_reader(database_url, "another")
    assert run(reader, "select current_user") == [[("gateway_reader",)]]


def test_role_waits_for_the_gateways_tables(empty_database_url: str) -> None:
    with pytest.raises(psycopg2.errors.UndefinedTable):
        make_reader(empty_database_url)


def test_provisioning_and_compose_agree() -> None:
    services = compose.read()["services"]
    mounted = {text.split(":")[1]: text.split(":")[0] for text in services["grafana"]["volumes"]}
    provider = yaml.safe_load((boards.FOLDER / "provisioning/dashboards/gateway.yml").read_text())["providers"][0]
    assert (ROOT / mounted[provider["options"]["path"]]).resolve() == boards.FOLDER / "dashboards"
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.removeprefix(f"{provider['options']['path']}/").removesuffix(".json") in boards.BOARDS
    assert SOURCES["gateway-prometheus"]["url"] == "http://prometheus:9090"
    postgres = SOURCES["gateway-postgres"]
    assert (postgres["user"], postgres["url"]) == ("gateway_reader", "postgres:5432")
    secret = postgres["secureJsonData"]["password"].removeprefix("$__file{/run/secrets/").removesuffix("}")
    assert secret in services["grafana"]["secrets"]
    assert secret in services["reader"]["secrets"]
    targets = yaml.safe_load(documents.RULES.with_name("prometheus.yml").read_text())["scrape_configs"]
    hosts = {target.partition(":")[0] for row in targets for config in row["static_configs"] for target in config["targets"]}
    assert hosts - {"127.0.0.1"} <= set(services)
