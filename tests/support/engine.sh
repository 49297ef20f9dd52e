# For tests/run: an engine that runs containers, and images of Kafka to run in it.

ENGINE_START_LIMIT=60
IMAGE_LIMIT=600
engine='' engine_dir='' no_engine=''

engine_answers() { timeout 20 docker info >/dev/null 2>&1; }

# Takes the engine that answers, else starts one of its own. `no_engine` says why there is none.
start_engine() {
    engine_answers && return
    setup "${CONTAINER_PROGRAMS[@]}" || { no_engine='its packages cannot be installed'; return 1; }
    engine_answers && return
    engine_dir=$(mktemp -d "${TMPDIR:-/tmp}/ottla-engine.XXXXXX")
    export DOCKER_HOST=unix://$engine_dir/socket
    # No bridge and no firewall rules: the containers use the network of the machine.
    as_root setpriv --pdeathsig TERM dockerd --data-root "$engine_dir/data" --exec-root "$engine_dir/exec" \
        --pidfile "$engine_dir/pid" --host "$DOCKER_HOST" --group "$(id -g)" \
        --bridge=none --iptables=false --ip6tables=false >"$LOGS/engine.log" 2>&1 </dev/null &
    engine=$!
    local since=$SECONDS
    while kill -0 "$engine" 2>/dev/null && [ $((SECONDS - since)) -lt $ENGINE_START_LIMIT ]; do
        engine_answers && return
        sleep 1
    done
    no_engine=$(grep -E 'level=(fatal|error)|failed' "$LOGS/engine.log" | tail -n 1)
    no_engine=${no_engine:-"it did not answer within $ENGINE_START_LIMIT s"}
    stop_engine
    return 1
}

stop_engine() {
    [ -n "$engine" ] || return 0
    local waited=0
    as_root kill "$engine" 2>/dev/null
    while kill -0 "$engine" 2>/dev/null && [ $waited -lt 60 ]; do sleep 1; waited=$((waited + 1)); done
    if kill -0 "$engine" 2>/dev/null; then
        echo 'the container engine did not end within a minute'
        failed=$((failed + 1))
        as_root kill -9 "$engine"
    fi
    wait "$engine" 2>/dev/null
    awk -v dir="$engine_dir/" 'index($2, dir) == 1 {print $2}' /proc/mounts | tac | while read -r mount; do as_root umount "$mount"; done
    as_root rm -rf "$engine_dir"
    engine=''
    unset DOCKER_HOST
}

# Where no engine runs the tests are one skip; `tally` takes it off what passed.
skip_containers() {
    echo "no container engine can run here: $no_engine"
    command=(printf '%s\n' 'SKIPPED: containers: no container engine can run here' \
        'test result: ok. 1 passed; 0 failed; 0 ignored')
}

# Sets OTTLA_LAB_IMAGE to an image that is there for every version.
container_images() {
    local version
    if [ -n "${OTTLA_LAB_IMAGE:-}" ]; then
        for version in "${VERSIONS[@]}"; do
            has_image "${OTTLA_LAB_IMAGE//'{version}'/$version}" || break
        done && return
        echo "$OTTLA_LAB_IMAGE cannot be had: building one"
    fi
    cargo build --quiet -p ottla-lab --bin ottla-lab >"$LOGS/lab-build.log" 2>&1 || { cat "$LOGS/lab-build.log"; return 1; }
    OTTLA_LAB_IMAGE=$(timeout $IMAGE_LIMIT crates/lab/image "${VERSIONS[@]}" 2>"$LOGS/image.log") ||
        { tail -n 20 "$LOGS/image.log"; return 1; }
    export OTTLA_LAB_IMAGE
}

has_image() { docker image inspect "$1" >/dev/null 2>&1 || timeout $IMAGE_LIMIT docker pull --quiet "$1"; }
