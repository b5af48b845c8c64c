// Refuses to load, as a worker does that misses what it needs.
throw Object.assign(new Error("Something is missing; install it."), { code: "runtime/not-installed" });
