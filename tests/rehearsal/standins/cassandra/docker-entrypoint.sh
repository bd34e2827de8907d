#!/bin/bash
# What our compose file uses of the official entry point: the user, and the container's address written into
# the lines of cassandra.yaml that are there.
set -eu
if [ "$1" = cassandra ] && [ "$(id -u)" = 0 ]; then
    chown -R cassandra "$CASSANDRA_CONF" /var/lib/cassandra /var/log/cassandra
    exec setpriv --reuid cassandra --regid cassandra --init-groups "$0" "$@"
fi
if [ "$1" = cassandra ]; then
    address=$(hostname -i | cut -d' ' -f1)
    config=$CASSANDRA_CONF/cassandra.yaml
    edited=$(mktemp)
    sed -E \
        -e "s/(- seeds:).*/\1 \"${CASSANDRA_SEEDS:-$address}\"/" \
        -e "s/^(# )?(listen_address|broadcast_address|broadcast_rpc_address):.*/\2: $address/" \
        -e "s/^(# )?(rpc_address):.*/\2: ${CASSANDRA_RPC_ADDRESS:-0.0.0.0}/" "$config" >"$edited"
    cat "$edited" >"$config"
    rm "$edited"
fi
exec "$@"
