/* Runs the networks of "Segment your own photograph" outside the page's own thread. The page starts the function's text
 * as a worker, because a page from a folder may start no worker from a file.
 *
 * Messages in:   {id, load: {library, glue, wasm, provider}}             bytes
 *                {id, network: {key, model, mean, std}}
 *                {id, run: {key, width, height, pixels}}                 pixels: RGBA bytes
 * Messages out:  {id, error} or {id, answer}; of a run {width, height, pixels, milliseconds, label, logits}
 *                                                                        label: a byte a pixel; logits: (C, H, W)
 */
window.segmentDemo.worker = function () {
  "use strict";
  const networks = {};
  let provider;
  const address = (bytes) => URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));

  function load({ library, glue, wasm, provider: name }) {
    importScripts(address(library));
    ort.env.wasm.numThreads = 1; // more would need headers that a plain static server does not send
    ort.env.wasm.wasmPaths = { mjs: address(glue) };
    ort.env.wasm.wasmBinary = wasm;
    ort.env.logLevel = "fatal";
    provider = name;
  }

  async function open({ key, model, mean, std }) {
    const session = await ort.InferenceSession.create(model, { executionProviders: [provider], logSeverityLevel: 4 });
    networks[key] = { session, mean, std };
  }

  /** What segbook.data.normalise does: RGBA bytes to float32 (1, 3, H, W). */
  function normalise(pixels, area, mean, std) {
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

  async function run({ key, width, height, pixels }) {
    const { session, mean, std } = networks[key];
    const image = new ort.Tensor("float32", normalise(pixels, width * height, mean, std), [1, 3, height, width]);
    const began = performance.now();
    const output = (await session.run({ image })).logits;
    const logits = new Float32Array(await output.getData());
    const milliseconds = performance.now() - began;
    const label = argmax(logits, output.dims[1], width * height);
    output.dispose();
    return { key, width, height, pixels, milliseconds, label, logits };
  }

  onmessage = async ({ data }) => {
    try {
      if (data.load) load(data.load);
      if (data.network) await open(data.network);
      const answer = data.run && await run(data.run);
      postMessage({ id: data.id, answer }, answer ? [answer.pixels.buffer, answer.label.buffer, answer.logits.buffer] : []);
    } catch (error) {
      postMessage({ id: data.id, error: error.message || String(error) });
    }
  };
};
