/**
 * Asks a device everything at once: `sh -s fleet-probe`, this text on stdin, FLEET_WORKDIR in its environment. It runs in dash, busybox ash, bash, Termux and
 * macOS; what a device does not have leaves its section empty. Each section starts with a line "@@fleet NAME".
 */
export const PROBE_SCRIPT = String.raw`
LC_ALL=C; export LC_ALL
say() { printf '\n@@fleet %s\n' "$1"; }
has() { command -v "$1" >/dev/null 2>&1; }
probe() {
  say uname; uname -s; uname -r; uname -m
  say distribution
  if has getprop; then echo "PRETTY_NAME=\"Android $(getprop ro.build.version.release)\""
  elif has sw_vers; then echo "PRETTY_NAME=\"$(sw_vers -productName) $(sw_vers -productVersion)\""
  else cat /etc/os-release; fi
  say libc
  getconf GNU_LIBC_VERSION || ldd --version | head -n 1
  for f in /lib/ld-musl-*; do [ -e "$f" ] && { "$f" 2>&1 | head -n 2 | tr '\n' ' '; echo; }; done
  [ -e /system/bin/linker64 ] && echo bionic
  say cpuinfo; head -c 400000 /proc/cpuinfo
  say lscpu; has lscpu && lscpu | grep -i '^model name'
  say cores
  for d in /sys/devices/system/cpu/cpu[0-9]*; do
    [ -d "$d" ] || continue
    read -r on < "$d/online" || on=1
    read -r capacity < "$d/cpu_capacity" || capacity=-
    read -r khz < "$d/cpufreq/cpuinfo_max_freq" || khz=-
    echo "$(basename "$d") $on $capacity $khz"
  done
  say meminfo; cat /proc/meminfo
  say sysctl; [ "$(uname -s)" = Darwin ] && { sysctl hw.memsize hw.ncpu hw.pagesize machdep.cpu.brand_string vm.swapusage hw.optional hw.model; vm_stat; }
  say page; getconf PAGESIZE || getconf PAGE_SIZE || grep -m 1 KernelPageSize /proc/self/smaps
  say heat
  for d in /sys/class/thermal/thermal_zone*; do [ -r "$d/temp" ] && echo "$(cat "$d/type") $(cat "$d/temp")"; done
  for d in /sys/class/hwmon/hwmon*; do
    case $(cat "$d/name") in coretemp|k10temp|zenpower|cpu_thermal) for t in "$d"/temp*_input; do echo "cpu $(cat "$t")"; done ;; esac
  done
  say supply
  for d in /sys/class/power_supply/*; do [ -r "$d/uevent" ] && { echo "$(basename "$d"):"; cat "$d/uevent"; }; done
  # What emulates the processor shows itself to other processes only.
  say emulator; cat "/proc/$$/cmdline" | tr '\000' '\n' | head -n 1
  say load; cat /proc/loadavg || sysctl -n vm.loadavg
  say governor; cat /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor
  say board
  for f in /proc/device-tree/model /sys/firmware/devicetree/base/model; do [ -e "$f" ] && break; done
  if [ -e "$f" ]; then tr -d '\000' < "$f"; echo
  elif has getprop; then echo "$(getprop ro.product.manufacturer) $(getprop ro.product.model)"
  elif [ -e /sys/class/dmi/id/product_name ]; then
    case $(cat /sys/class/dmi/id/sys_vendor) in LENOVO) cat /sys/class/dmi/id/product_version ;; *) cat /sys/class/dmi/id/product_name ;; esac
  fi
  say firmware
  has vcgencmd && vcgencmd version | grep '^version '
  for f in /proc/device-tree/chosen/bootloader/version /sys/class/dmi/id/bios_version; do
    [ -r "$f" ] && { printf '%s ' "$(basename "$(dirname "$f")")"; tr -d '\000' < "$f"; echo; }
  done
  say node
  for n in "$(command -v node)" "$HOME"/.nvm/versions/node/*/bin/node "$HOME"/.local/bin/node "$HOME"/.volta/bin/node "$HOME"/node*/bin/node \
      /usr/local/bin/node /opt/node*/bin/node /opt/homebrew/bin/node /snap/bin/node; do
    [ -n "$n" ] && [ -x "$n" ] && echo "$("$n" --version) $n"
  done
  say compilers; for c in cc gcc clang tcc; do has $c && $c --version | head -n 1; done
  say sensors
  for d in /sys/class/thermal/thermal_zone*; do [ -r "$d/temp" ] && echo "thermal $(cat "$d/type")"; done
  for d in /sys/class/hwmon/hwmon*; do [ -r "$d/name" ] && echo "hwmon $(cat "$d/name")"; done
  for d in /sys/class/power_supply/*; do [ -r "$d/uevent" ] && echo "power_supply $(basename "$d")"; done
  for d in /sys/class/powercap/*; do [ -r "$d/energy_uj" ] && echo "powercap $(cat "$d/name")"; done
  has vcgencmd && echo "vcgencmd $(vcgencmd pmic_read_adc | grep -q '_A ' && echo pmic)"
  has termux-battery-status && echo termux-battery-status
  say workdir
  w=$FLEET_WORKDIR
  case $w in '') w=$HOME/.cache/fleet ;; '~') w=$HOME ;; '~/'*) w=$HOME/${'$'}{w#"~/"} ;; esac
  mkdir -p -- "$w" && cd -- "$w" && pwd
  say disk; df -Pk .
  say end
}
probe "$@" </dev/null 2>/dev/null
`;
