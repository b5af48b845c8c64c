/** Whether a message of ONNX Runtime, or of the JavaScript engine, tells of memory that could not be had. */
export function isOutOfMemory(message: string): boolean {
  return /bad_alloc|failed to allocate|allocation failed|out of memory|not enough memory/i.test(message);
}
