# Sourced by the other scripts: where the platform is, and how it is asked.
set -euo pipefail
url=${LONGSHORE_URL:-http://127.0.0.1:8080}
: "${LONGSHORE_KEY:?set LONGSHORE_KEY to an API key; of a platform that npm start runs, cat .longshore/keys/admin.key}"

# api PATH [OPTIONS OF curl]: the body of the answer; of an error, the problem on standard error. curl waits and asks again by itself where the platform is not
# reached, has too much to do (503) or limits the key (429), as long as Retry-After says. The key is read from a
# file descriptor: among the arguments every user of the machine would see it.
api() {
  local path=$1 answer code=0
  shift
  answer=$(
    curl --silent --show-error --fail-with-body --retry 8 --retry-max-time 60 --retry-connrefused \
      --config <(printf 'header = "x-api-key: %s"\n' "$LONGSHORE_KEY") "$@" "$url$path"
  ) || code=$?
  if ((code == 0)); then printf '%s\n' "$answer"; else printf '%s\n' "$answer" >&2; fi
  return "$code"
}

# field NAME: the first value of that name in the JSON on standard input, which has no spaces around its colons.
field() {
  grep -oE "\"$1\":(\"[^\"]*\"|[^,}]*)" | head -n 1 | sed -E 's/^"[^"]*"://; s/"//g'
}

# wait_for PATH: asks for a job until it has ended, says how, and fails if it is not done.
wait_for() {
  local job status
  while job=$(api "$1") && status=$(field status <<<"$job"); do
    case $status in
      done) break ;;
      failed | cancelled)
        echo "$1 is $status: $(field message <<<"$job")" >&2
        return 1
        ;;
    esac
    sleep 1
  done
  printf '%s\n' "$job"
}
