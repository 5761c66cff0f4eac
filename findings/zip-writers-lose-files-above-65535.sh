#!/usr/bin/env bash
# jszip 3.10.2, fflate 0.8.3 and client-zip 2.5.1 (npm) write an archive of 70,000 files without an
# error, but readers that trust its count, such as yauzl 3.4.0, see 4,464 or 65,535 of them, and end
# without an error too. yazl 3.3.1 writes the same files so that all are seen.
#
# The record at the end of a ZIP file has 16 bits for the number of files (APPNOTE.TXT 4.4.22). An
# archive of more has 65,535 there, and the number in a ZIP64 record before it. jszip and fflate write
# the lowest 16 bits: 70,000 becomes 4,464. client-zip, which writes ZIP64 for large files and large
# archives, writes 65,535 but no ZIP64 record when the number of files alone is too large. So an
# export of many small files loses most of them between a writer and a reader that both succeed.
# A reader that goes by the size of the directory, as zipfile of Python does, finds all.
#
# Seen with Node 20.20.2 and Python 3.11.7, 70,000 files of some bytes each:
#     jszip       zipfile 70000  yauzl  4464
#     fflate      zipfile 70000  yauzl  4464
#     client-zip  zipfile 70000  yauzl 65535
#     yazl        zipfile 70000  yauzl 70000
#
# Fails if any of these numbers changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" jszip@3.10.2 fflate@0.8.3 \
  client-zip@2.5.1 yazl@3.3.1 yauzl@3.4.0 >/dev/null
cat >"$folder/write.cjs" <<'JAVASCRIPT'
const { once } = require("node:events");
const { createWriteStream, writeFileSync } = require("node:fs");

const [writer, path] = process.argv.slice(2);
const files = Array.from({ length: 70_000 }, (_, number) => ({
  name: `issue-${number}.json`,
  input: Buffer.from(`{"id":${number}}`),
}));
const writers = {
  async jszip() {
    const zip = new (require("jszip"))();
    for (const { name, input } of files) zip.file(name, input);
    return zip.generateAsync({ type: "nodebuffer" });
  },
  fflate: () =>
    require("fflate").zipSync(Object.fromEntries(files.map(({ name, input }) => [name, input]))),
  async "client-zip"() {
    const { downloadZip } = await import("client-zip");
    return Buffer.from(await downloadZip(files).arrayBuffer());
  },
  async yazl() {
    const zip = new (require("yazl").ZipFile)();
    for (const { name, input } of files) zip.addBuffer(input, name, { compress: false });
    zip.end();
    await once(zip.outputStream.pipe(createWriteStream(path)), "close");
  },
};
(async () => {
  const bytes = await writers[writer]();
  if (bytes) writeFileSync(path, bytes);
  process.exit(0);
})();
JAVASCRIPT
cat >"$folder/read.cjs" <<'JAVASCRIPT'
require("yauzl").open(process.argv[2], { lazyEntries: false }, (error, zip) => {
  if (error) throw error;
  let seen = 0;
  zip.on("entry", () => seen++).on("end", () => console.log(seen));
});
JAVASCRIPT
cat >"$folder/try.py" <<'PYTHON'
import subprocess
import sys
import zipfile

SEEN = {"jszip": 4464, "fflate": 4464, "client-zip": 65535, "yazl": 70000}
good = True
for writer, expected in SEEN.items():
    path = f"{writer}.zip"
    subprocess.run(["node", "write.cjs", writer, path], check=True)
    with zipfile.ZipFile(path) as archive:
        here = len(archive.namelist())
    there = subprocess.run(["node", "read.cjs", path], check=True, capture_output=True, text=True)
    print(f"{writer:11} zipfile {here}  yauzl {int(there.stdout):5}", flush=True)
    good &= here == 70000 and int(there.stdout) == expected
sys.exit(0 if good else 1)
PYTHON
cd "$folder"
python3 try.py
