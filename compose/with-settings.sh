#!/bin/sh
# with-settings.sh BASE TARGET KEY=VALUE... -- COMMAND...
# Copies a properties file, appends settings (in Java the last of two equal keys wins) and becomes the
# command: what walflow/stack/config_files.py does in local mode, for images without walflow. Where JMX is
# true, with the agent that shows its MBeans to Prometheus.
set -eu
base=$1 target=$2
shift 2
{
    cat "$base"
    printf '\n# From docker-compose.yml\n'
    while [ "$1" != -- ]; do
        printf '%s\n' "$1"
        shift
    done
} >"$target"
shift
if [ "${JMX:-}" = true ]; then
    export KAFKA_OPTS="${KAFKA_OPTS:-} -javaagent:$JMX_AGENT=$JMX_RULES"
fi
exec "$@"
