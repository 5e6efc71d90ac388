/* Runs the network of "Segment your own picture" outside the page's own thread.
 *
 * Messages in:   {load: {base, files: [library, glue, wasm], model, provider}, mean, std}
 *                {run: {id, width, height, pixels}}                      pixels: RGBA bytes
 * Messages out:  {progress: {loaded, total}}, {ready: true}, {error, id}
 *                {id, width, height, milliseconds, label, logits}        label: a byte a pixel; logits: (C, H, W)
 */
"use strict";

let ort, session, mean, std;

/** A file's bytes, unpacked if it is packed: a plain static server sends .gz as it is, some unpack it on the way. */
async function fetched(url, note) {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) {
    const name = url.split("/").pop();
    throw new Error(`The file ${name} could not be loaded${response ? ` (status ${response.status})` : ""}.`);
  }
  const chunks = [];
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    note(part.value.length);
  }
  const blob = new Blob(chunks);
  const [first, second] = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  const packed = first === 0x1f && second === 0x8b;
  const stream = packed ? blob.stream().pipeThrough(new DecompressionStream("gzip")) : blob.stream();
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function load({ base, files, model, provider, total }) {
  let loaded = 0;
  const note = (bytes) => { loaded += bytes; postMessage({ progress: { loaded, total } }); };
  const [library, glue, wasm] = files.map((name) => new URL(name, base).href);
  const [network, binary] = await Promise.all([fetched(model, note), fetched(wasm, note)]);
  ort = await import(library).catch(() => { throw new Error("The runtime onnxruntime-web could not be loaded."); });
  ort.env.wasm.numThreads = 1; // more would need headers that a plain static server does not send
  ort.env.wasm.wasmPaths = { mjs: glue };
  ort.env.wasm.wasmBinary = binary;
  ort.env.logLevel = "fatal";
  session = await ort.InferenceSession.create(network, { executionProviders: [provider], logSeverityLevel: 4 });
}

/** What segbook.data.normalise does: RGBA bytes to float32 (1, 3, H, W). */
function normalise(pixels, area) {
  const x = new Float32Array(3 * area);
  for (let c = 0; c < 3; c++) {
    const scale = Math.fround(1 / (255 * std[c])), shift = Math.fround(mean[c] / std[c]);
    for (let i = 0; i < area; i++) x[c * area + i] = Math.fround(pixels[4 * i + c] * scale) - shift;
  }
  return x;
}

/** The class with the largest logit at each pixel; the first of equals, as torch and NumPy choose. */
function argmax(logits, classes, area) {
  const label = new Uint8Array(area), best = logits.slice(0, area);
  for (let c = 1; c < classes; c++) {
    for (let i = 0, k = c * area; i < area; i++, k++) if (logits[k] > best[i]) { best[i] = logits[k]; label[i] = c; }
  }
  return label;
}

async function run({ id, width, height, pixels }) {
  const image = new ort.Tensor("float32", normalise(pixels, width * height), [1, 3, height, width]);
  const began = performance.now();
  const output = (await session.run({ image })).logits;
  const logits = new Float32Array(await output.getData());
  const milliseconds = performance.now() - began;
  const label = argmax(logits, output.dims[1], width * height);
  output.dispose();
  postMessage({ id, width, height, milliseconds, label, logits }, [label.buffer, logits.buffer]);
}

onmessage = async ({ data }) => {
  try {
    if (data.load) {
      ({ mean, std } = data);
      await load(data.load);
      postMessage({ ready: true });
    } else {
      await run(data.run);
    }
  } catch (error) {
    postMessage({ error: error.message || String(error), id: data.run?.id });
  }
};
