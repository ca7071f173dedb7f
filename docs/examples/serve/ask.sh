#!/bin/sh
# Gives a node a goal by HTTP: AIOS_NODE is its address, AIOS_TOKEN_FILE the file with its token; `aios serve --json` says both. DATA is a
# table of yours, from the root on.
set -eu

ask() {
    curl --silent --show-error --fail-with-body --header "Authorization: Bearer $(cat "$AIOS_TOKEN_FILE")" "$@"
}

ask "$AIOS_NODE/v1/agents"
echo
# The key makes it safe to ask again: the goal is begun once.
goal=$(ask "$AIOS_NODE/v1/goals" --header "Idempotency-Key: $(date +%s)-$$" \
    --data "{\"text\": \"Analyze Q3 sales\", \"data\": [\"$DATA\"]}" | sed 's/.*"goal_id":"\([^"]*\)".*/\1/')
# What happens, up to its end; each event has a number, and `?after=N` goes on behind one.
ask --no-buffer "$AIOS_NODE/v1/goals/$goal/events?after=0"
ask "$AIOS_NODE/v1/goals/$goal"
