#!/bin/sh
# with-late-timers.sh COMMAND...
# Becomes the command, whose threads the kernel may then wake up to a millisecond late (prctl(2),
# PR_SET_TIMERSLACK) instead of 50 µs. Cassandra's workers look for work every 10 µs for a while after
# each piece of it (org.apache.cassandra.concurrent.SEPWorker, doWaitSpin): at 100 writes a second that
# took a fifth of a core, and at 1,000 a third of all that Cassandra did.
echo 1000000 2>/dev/null >/proc/self/timerslack_ns || true
exec "$@"
