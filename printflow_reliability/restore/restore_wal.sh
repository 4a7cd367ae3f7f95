# The restore_command of a clone. It fetches one file of the archive and reads it before PostgreSQL may replay it:
# CREATE TABLESPACE is replayed with its literal path, which on production's host is production's own directory.
#
# Arguments: the file's name (%f), and where PostgreSQL wants it (%p, relative to its data directory).
# Above this text stand: place, waldump, floor (the LSN in bytes that replay begins at), until (the target time in UTC,
# if there is one), allowed, fetch().
# Ends with the exit code of the fetch, or with 200, which ends the recovery for good.

# A record of a tablespace has little more than 1 kB: one that crosses into a segment begins in these last bytes of the
# segment before, whatever the size of a WAL page.
BORDER=65536
LC_ALL=C
TZ=UTC
export LC_ALL TZ

name=$1
file=$2

# REASON LSN DETAIL: what the drill tells a person
stop() {
    printf '%s\n' "$1" "$2" "$3" > "$place/wal_refused.partial"
    mv -f "$place/wal_refused.partial" "$place/wal_refused"
    printf '%s %s %s\n' "$1" "$2" "$3" >&2
    exit 200
}

lsn() {
    printf '%X/%X' $(($1 >> 32)) $(($1 & 0xFFFFFFFF))
}

link() {
    ln -f "$1" "$work/$2" 2>> "$work/said" || cp -f "$1" "$work/$2" || stop unreadable "$name" "it cannot be copied"
}

# POSITION: whether replay ends before it, which it does at the first commit after the target time
ends_before() {
    [ -n "$until" ] || return 1
    newest=$(
        "$waldump" --rmgr=Transaction --path="$work" --timeline="$timeline" --start="$(lsn "$from")" --end="$1" 2> /dev/null |
            sed -n 's/.*, desc: [A-Z]* \([0-9-]* [0-9:.]*\) UTC.*/\1/p' | sort | tail -n 1
    )
    [ "$(printf '%s\n' "$until" "$newest" | sort | tail -n 1)" != "$until" ]
}

# START END: read the records that begin between two positions. Fails where they end before END, as replay will too.
inspect() {
    from=$1
    [ "$from" -ge "$floor" ] || from=$floor
    [ "$from" -lt "$2" ] || return 0
    "$waldump" --rmgr=Tablespace --path="$work" --timeline="$timeline" --start="$(lsn "$from")" --end="$(lsn "$2")" \
        > "$work/records" 2> "$work/said"
    ended=$?
    while IFS= read -r line; do
        what=${line#*, desc: }
        at=${line#*, lsn: }
        at=${at%%, prev *}
        case $line in
            "rmgr: Tablespace "*", desc: "*) ;;
            "first record is after "*) continue ;; # the segment begins within a record
            *) stop unreadable "$name" "a line that pg_waldump printed: $line" ;;
        esac
        case $what in
            "DROP "*) continue ;;
            "CREATE "*) path=${what#CREATE * } ;;
            *) stop unreadable "$at" "an unknown record: $what" ;;
        esac
        case $allowed in
            *"
$path
"*) ;;
            *) ends_before "$at" || stop tablespace "$at" "$path" ;;
        esac
    done < "$work/records"
    [ "$ended" -ne 0 ] || return 0
    said=$(cat "$work/said")
    # PostgreSQL reads WAL with the same code: where pg_waldump finds no record, replay finds none.
    case $said in
        *"error in WAL record at "* | *"could not find a valid record after "* | *"WAL segment size"*) return 1 ;;
    esac
    # Killed together with the clone: there is nobody left to tell.
    [ "$ended" -le 128 ] || exit "$ended"
    stop unreadable "$name" "${said:-pg_waldump ended with exit code $ended}"
}

fetch "$name" "$file"
code=$?
[ "$code" -le 125 ] || exit "$code"
# PostgreSQL would take it for the end of WAL.
[ "$code" -ne 82 ] || stop unreadable "$name" "pgBackRest did not get it out of the repository in time"
case $name in
    *.history) exit "$code" ;;
esac
# What the archive does not have PostgreSQL takes from pg_wal, where a restore may have put it.
[ "$code" -eq 0 ] || file=${file%/*}/$name
[ -f "$file" ] || exit "$code"
case $name in
    *[!0-9A-F]*) stop unreadable "$name" "it is not the name of a WAL segment" ;;
esac
[ ${#name} -eq 24 ] || stop unreadable "$name" "it is not the name of a WAL segment"

work=$place/wal.$$
rm -rf "$work"
mkdir -m 700 "$work" || stop unreadable "$name" "$work cannot be made"
trap 'rm -rf "$work"' EXIT
size=$(($(wc -c < "$file")))
[ "$size" -gt 0 ] && [ $((size % 1048576)) -eq 0 ] || stop unreadable "$name" "it has $size bytes"
timeline=$((0x${name%????????????????}))
position=${name#????????}
start=$(((0x${position%????????} << 32) + 0x${position#????????} * size))
end=$((start + size))
link "$file" "$name"

# PostgreSQL keeps the segment before in pg_wal; of several timelines' it replayed the newest that leads here.
before=
if [ "$start" -gt "$floor" ]; then
    number=$((start - size))
    number=$(printf '%08X%08X' $((number >> 32)) $(((number & 0xFFFFFFFF) / size)))
    for earlier in "${file%/*}"/????????"$number"; do
        written=${earlier##*/}
        written=${written%????????????????}
        [ -f "$earlier" ] && [ $((0x$written)) -le "$timeline" ] && before=$earlier
    done
fi
if [ -n "$before" ]; then
    # By the name under which pg_waldump, which knows one timeline, looks for it.
    link "$before" "${name%????????????????}$number"
    inspect $((start - BORDER)) "$end" && exit "$code"
fi
inspect "$start" "$end"
exit "$code"
