#!/usr/bin/env bash
# Redis's own test suite with another executable in redis-server's place.
#   redis-suite.sh --as 'node dist/bin.js' [--jobs 2] [--limit 600] UNIT ...
# A UNIT is a file of the suite without its ending (unit/type/string). Every unit runs alone, in a copy of the
# suite of its own, and is ended after --limit seconds. Prints a line a unit and then 'logs: DIR', a directory
# with one log a unit, slashes in its name replaced by underscores. Exit code: 0 all passed, 1 not all, 2 cannot run.
#
# The suite comes from REDIS_SOURCE (an unpacked source tree), or from Debian's or Ubuntu's source package of
# Redis 7, fetched once through apt-get source (needs no root) and kept in the cache directory. redis-cli,
# redis-benchmark and tclsh must be installed.
set -uo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/effect-kv
executable='' jobs=2 limit=600 units=()

usage() { sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
stop() { echo "redis-suite.sh: $1" >&2; exit 2; }

while (($#)); do
  case $1 in
    --as) executable=${2:-}; shift 2 || usage ;;
    --jobs) jobs=${2:-}; shift 2 || usage ;;
    --limit) limit=${2:-}; shift 2 || usage ;;
    -*) usage ;;
    *) units+=("$1"); shift ;;
  esac
done
[[ -n $executable && ${#units[@]} -gt 0 ]] || usage
for tool in tclsh redis-cli redis-benchmark; do
  command -v "$tool" >/dev/null || stop "$tool is not installed (packages tcl and redis-tools)"
done

# every binary package source of this system, asked for sources instead; under a state directory of our own
fetch_source() {
  local work=$cache/apt
  mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/sources.d"
  local file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -f $file ]] && sed -n 's/^deb /deb-src /p' "$file" >"$work/sources.d/$(basename "$file" .list).list"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ -f $file ]] && sed 's/^Types:.*/Types: deb-src/' "$file" >"$work/sources.d/$(basename "$file")"
  done
  local apt=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/sources.d"
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work" -o APT::Sandbox::User=root)
  apt-get "${apt[@]}" update -qq || return 1
  (cd "$work" && apt-get "${apt[@]}" source -qq --download-only redis >/dev/null) || return 1
  local tarball
  tarball=$(find "$work" -maxdepth 1 -name 'redis_7.*.orig.tar.gz' | sort | tail -n 1)
  [[ -n $tarball ]] || return 1
  mkdir -p "$cache/redis-source" && tar xzf "$tarball" -C "$cache/redis-source" --strip-components=1
}

source_dir=${REDIS_SOURCE:-$cache/redis-source}
[[ -f $source_dir/tests/test_helper.tcl ]] || fetch_source || stop 'no source package of Redis 7 could be had'
[[ -f $source_dir/tests/test_helper.tcl ]] || stop "$source_dir holds no test suite"

scratch=$(mktemp -d)
logs=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# $1: where; a tree as the suite expects it, with our executable under src/redis-server
plant() {
  mkdir -p "$1/src"
  cp -r "$source_dir/tests" "$source_dir/runtest" "$source_dir/redis.conf" "$source_dir/sentinel.conf" "$1/"
  [[ -d $source_dir/utils ]] && cp -r "$source_dir/utils" "$1/"
  cp "$source_dir/src/version.h" "$1/src/"
  local tool
  for tool in redis-cli redis-benchmark redis-check-aof redis-check-rdb redis-sentinel; do
    ln -s "$(command -v $tool || echo /nonexistent/$tool)" "$1/src/$tool"
  done
  printf '#!/usr/bin/env bash\nexec %s "$@"\n' "$executable" >"$1/src/redis-server"
  chmod +x "$1/src/redis-server"
}

# $1: unit, $2: its number, which gives it ports that no other running unit has
run_unit() {
  local log=$logs/${1//\//_} tree=$scratch/$2
  plant "$tree"
  (cd "$tree" && timeout -k 10 "$limit" \
    ./runtest --single "$1" --clients 1 --durable --baseport $((22000 + $2 % 20 * 500)) --portcount 500) 2>&1 |
    sed -u 's/\x1b\[[0-9;]*m//g' >"$log"
  local code=${PIPESTATUS[0]}
  rm -rf "$tree"
  local passed failed
  passed=$(grep -ac '^\[ok\]' "$log")
  failed=$(grep -acE '^\[(err|exception)\]' "$log")
  # no closing line, and nothing said what went wrong: out of time (124), or the suite itself gave up
  if ((failed == 0)) && ! grep -aq '^\\o/' "$log"; then
    echo "[err]: the unit ended early, exit code $code" >>"$log"
    failed=1
  fi
  printf '%-36s %4d ok %4d failed\n' "$1" "$passed" "$failed"
}

number=0
for unit in "${units[@]}"; do
  while (($(jobs -rp | wc -l) >= jobs)); do wait -n; done
  run_unit "$unit" "$number" &
  number=$((number + 1))
done
wait
failures=$(cat "$logs"/* | grep -acE '^\[(err|exception)\]')
echo "logs: $logs"
((failures == 0))
