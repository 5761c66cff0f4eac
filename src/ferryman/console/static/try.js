/* Migrate files that are chosen or dropped: each in parts, whose bytes go to the platform's own
   store directly, and to any other through the platform. */
"use strict";
(() => {
  const { root, through } = document.currentScript.dataset;
  const form = document.querySelector("#drop");
  if (!form || !window.crypto || !crypto.subtle) return;
  const said = document.querySelector("#progress");
  document.querySelector("[data-drop-hint]").hidden = false;
  let busy = false;

  const step = (fields) => post("try/step", fields);

  async function post(page, fields) {
    const body = new FormData();
    body.set("csrf", form.elements.csrf.value);
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    const answer = await fetch(`${root}${page}`, { method: "POST", body, redirect: "error" });
    const told = await answer.text();
    if (!answer.ok) {
      let problem = {};
      try {
        problem = JSON.parse(told);
      } catch (error) {
        /* a page */
      }
      throw new Error(problem.found ? `${problem.code}: found ${problem.found}. ${problem.fix}` : `status ${answer.status}`);
    }
    return told ? JSON.parse(told) : null;
  }

  async function digest(bytes) {
    const found = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return [...found].map((each) => each.toString(16).padStart(2, "0")).join("");
  }

  /* The store is below the same root, whatever host and prefix the platform gives itself. */
  function local(url) {
    const at = url.indexOf("/objects/");
    return at < 0 ? url : new URL(`${root}..${url.slice(at)}`, location.href).href;
  }

  async function send(transfer, label, file, tell) {
    const begun = await step({ step: "file", transfer, data: JSON.stringify({ label }) });
    const size = through ? Math.max(begun.minPartSize, Math.min(begun.partSize, 16 << 20)) : Math.max(1, begun.partSize);
    const parts = [];
    for (let begin = 0; begin === 0 || begin < file.size; begin += size) {
      if (through) {
        const fields = { transfer, upload: begun.uploadId, number: parts.length + 1, bytes: file.slice(begin, begin + size) };
        const part = await post("try/part", fields);
        parts.push(part);
        tell(part.size);
        continue;
      }
      const bytes = await file.slice(begin, begin + size).arrayBuffer();
      const part = { number: parts.length + 1, size: bytes.byteLength, sha256: await digest(bytes) };
      const data = JSON.stringify({ upload: begun.uploadId, parts: [part] });
      const [signed] = (await step({ step: "parts", transfer, data })).parts;
      const answer = await fetch(local(signed.url), { method: signed.method, headers: signed.headers, body: bytes });
      if (!answer.ok) throw new Error(`${label}: the store answered ${answer.status}`);
      parts.push({ ...part, etag: (answer.headers.get("etag") || "").replaceAll('"', "") });
      tell(bytes.byteLength);
    }
    await step({ step: "complete", transfer, data: JSON.stringify({ upload: begun.uploadId, parts }) });
  }

  async function migrate(files) {
    if (busy || !files.length) return;
    busy = true;
    let done = 0;
    let sent = 0;
    const total = files.reduce((sum, [, file]) => sum + file.size, 0);
    const tell = (more) => {
      sent += more;
      said.textContent = `${done} of ${files.length} files, ${Math.floor((100 * sent) / Math.max(1, total))} %`;
    };
    try {
      tell(0);
      const { transferId } = await step({ step: "begin", app: form.elements.app.value, customer: form.elements.customer?.value ?? "" });
      for (const [label, file] of files) {
        await send(transferId, label, file, tell);
        done += 1;
        tell(0);
      }
      await step({ step: "end", transfer: transferId });
      location.assign(`${root}transfers/${transferId}`);
    } catch (error) {
      said.textContent = `Stopped after ${done} of ${files.length} files. ${error.message}`;
      busy = false;
    }
  }

  /* Folders are read a part at a time, until nothing more comes. */
  async function within(entry, path) {
    if (entry.isFile) return [[path + entry.name, await new Promise((ok, no) => entry.file(ok, no))]];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((ok, no) => reader.readEntries(ok, no));
      if (!some.length) return found;
      for (const each of some) found.push(...(await within(each, `${path}${entry.name}/`)));
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = ["files", "folder"].flatMap((id) => [...document.getElementById(id).files]);
    if (!chosen.length) said.textContent = "Choose a file first.";
    migrate(chosen.map((file) => [file.webkitRelativePath || file.name, file]));
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  addEventListener("dragleave", () => form.classList.remove("over"));
  addEventListener("drop", async (event) => {
    event.preventDefault();
    form.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((each) => each.webkitGetAsEntry && each.webkitGetAsEntry());
    const loose = [...event.dataTransfer.files];
    const found = [];
    for (const entry of entries) if (entry) found.push(...(await within(entry, "")));
    migrate(found.length ? found : loose.map((file) => [file.name, file]));
  });
})();
