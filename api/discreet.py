"""What gunicorn logs of a request that it could not read, without the request's own words: a key may stand among them."""

import logging
import re

#: The kind of fault stays, what it quotes goes.
_QUOTED = re.compile(r"(?P<kind>Invalid request from ip=\S*: [^:'\"]*).*", re.DOTALL)
_QUERY = re.compile(r"\?\S*")


class Discreet(logging.Filter):
    """Passes every record, those two kinds of words left out."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _QUERY.sub("?…", _QUOTED.sub(r"\g<kind>", record.getMessage()))
        record.args = ()
        return True
