// Answers `echo`; `crash` throws outside of any call, `exit` ends the thread, `hoard` fills its heap.
import { parentPort } from "node:worker_threads";

parentPort.on("message", ({ id, method, argument }) => {
  if (method === "echo") parentPort.postMessage({ id, value: argument }, []);
  if (method === "end") process.exit();
  if (method === "crash") throw new Error("on purpose");
  if (method === "exit") process.exit(3);
  if (method === "hoard") for (const hoard = []; ;) hoard.push(Array.from({ length: 1e5 }, Math.random));
});
