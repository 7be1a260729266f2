// Runs a WASI p1 command that reads and writes nothing, in an instance of its own for each request.
import command from "command.wasm";

class Exit {
  constructor(code) {
    this.code = code;
  }
}

const imports = {
  wasi_snapshot_preview1: {
    proc_exit(code) {
      throw new Exit(code);
    },
  },
};

function run() {
  const instance = new WebAssembly.Instance(command, imports);
  try {
    instance.exports._start();
  } catch (end) {
    if (end instanceof Exit) return end.code;
    throw end;
  }
  return 0;
}

export default {
  fetch() {
    return new Response("", { status: run() === 0 ? 200 : 500 });
  },
};
