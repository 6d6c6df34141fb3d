# Sourced by scripts that try a running host: starts one in a folder of its own and ends it with the script.
#
#   host_begin           makes the folder, goes there, and sees to the end
#   host_start ARGS...   starts `$bea run ARGS...` and sets `address` to where it listens

host_begin() {
    place=$(mktemp -d)
    host=
    trap '[ -n "$host" ] && kill "$host" 2>/dev/null; wait 2>/dev/null; rm -rf "$place"' EXIT
    cd "$place"
}

host_start() {
    "$bea" run "$@" --speed 20 --set http.bind=127.0.0.1:0 2>said &
    host=$!
    : >>said
    address=
    for _ in $(seq 100); do
        address=$(sed -n 's|.*health: \(http://[^/]*\)/health.*|\1|p' said | head -n 1)
        [ -n "$address" ] && break
        kill -0 "$host" || { cat said; exit 1; }
        sleep 0.1
    done
}
