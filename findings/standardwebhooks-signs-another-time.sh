#!/usr/bin/env bash
# standardwebhooks 1.1.0 (Python), and svix 2.9.1 whose signing it is: a timestamp with a zone other
# than UTC is signed as if its clock showed UTC. The library then refuses its own signature.
#
# Webhook.sign() takes a datetime. Aware ones that are equal are one instant, whatever their zones,
# and timestamp() of each is the number that goes into the header webhook-timestamp. sign() replaces
# the zone instead of converting to UTC, so what it signs is off by the zone's distance from UTC. It
# passes on machines in UTC, and fails for each receiver where a sender keeps times with zones, as
# databases return them. The package of the same name on npm takes a Date, and signs the instant.
#
# Seen with Python 3.11.7 and Node 20.20.2, one instant in three zones:
#     UTC     Python verified  npm verified
#     +02:00  Python refused   npm refused
#     -05:00  Python refused   npm refused
#
# Fails if UTC is refused, or another zone verified.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  standardwebhooks==1.1.0 svix==2.9.1 2>/dev/null
npm install --silent --no-audit --no-fund --prefix "$folder" standardwebhooks@1.1.1 >/dev/null
cat >"$folder/verify.cjs" <<'JAVASCRIPT'
const { Webhook } = require("standardwebhooks");
const [secret, body, headers] = process.argv.slice(2);
try {
  new Webhook(secret).verify(body, JSON.parse(headers));
  console.log("verified");
} catch (error) {
  console.log(error.message === "No matching signature found" ? "refused" : error);
}
JAVASCRIPT
cat >"$folder/try.py" <<'PYTHON'
import base64
import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import standardwebhooks
import svix

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
ZONES = {
    "UTC": timezone.utc,
    "+02:00": timezone(timedelta(hours=2)),
    "-05:00": timezone(timedelta(hours=-5)),
}
now = datetime.now(timezone.utc)
good = True
for name, zone in ZONES.items():
    at = now.astimezone(zone)
    webhook = standardwebhooks.Webhook(SECRET)
    signature = webhook.sign("msg_1", at, "{}")
    good &= at == now and signature == svix.Webhook(SECRET).sign("msg_1", at, "{}")
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }
    try:
        webhook.verify("{}", headers)
        here = "verified"
    except standardwebhooks.WebhookVerificationError:
        here = "refused"
    command = ["node", "verify.cjs", SECRET, "{}", json.dumps(headers)]
    there = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    print(f"{name:7} Python {here:9} npm {there}")
    good &= here == there == ("verified" if name == "UTC" else "refused")
sys.exit(0 if good else 1)
PYTHON
cd "$folder"
venv/bin/python try.py
