#!/bin/sh
# Make the secrets of docker-compose.yml, each once: a file that is there stays. Usage: secrets.sh [--simulator] [FOLDER]
#
# --simulator  the exchange's key pair becomes that of `ws-gateway simulate`; else both are empty, to be filled in by hand,
#              as bus_key is where several machines share a bus
# FOLDER       deploy/secrets by default. Only its owner may enter it; the files in it are readable, since each container
#              sees those it is given and reads them as a user of its own.
set -eu
here=$(dirname "$0")
key='' secret=''
if [ "${1:-}" = --simulator ]; then
    key=simulator-key secret=simulator-secret
    shift
fi
folder=${1:-$here/secrets}
mkdir -p "$folder"
chmod 0700 "$folder"

put() {
    [ -e "$folder/$1" ] && return
    printf '%s' "$2" >"$folder/.part"
    chmod 0444 "$folder/.part"
    mv "$folder/.part" "$folder/$1"
    echo "made $folder/$1"
}

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

for name in api_key database_password broker_password broker_operator_password reader_password grafana_password; do
    put "$name" "$(random)"
done
put bybit_api_key "$key"
put bybit_api_secret "$secret"
put bus_key ""
put database_url "postgresql://gateway:$(cat "$folder/database_password")@postgres:5432/gateway"
put broker_url "amqp://ws-gateway:$(cat "$folder/broker_password")@rabbitmq:5672/"
put broker_definitions.json "$(sed -e "s/@broker_password@/$(cat "$folder/broker_password")/" \
    -e "s/@broker_operator_password@/$(cat "$folder/broker_operator_password")/" "$here/rabbitmq/definitions.json")"
