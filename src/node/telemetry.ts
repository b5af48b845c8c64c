/**
 * Keeps ONNX Runtime from sending usage data, unless `ORT_DISABLE_TELEMETRY` is set already.
 *
 * On Linux, 1.30 prepares to send as soon as a session is opened, and crashes in doing so where the command line
 * of the process is longer than about 29 kB, as with a thousand file names: see
 * docs/decisions/006-runtime-telemetry-off.md. Native code reads the environment of the process, which a worker
 * thread cannot change: this has to run in the main thread, before the first session.
 */
export function disableTelemetry(): void {
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
}
