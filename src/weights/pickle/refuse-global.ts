/** Tensors that PyTorch can save and this package does not read, by the name that gives them away. */
const tensorKinds: readonly (readonly [RegExp, string])[] = [
  [/^torch\._utils\._rebuild_sparse/, "a sparse tensor"],
  [
    /^torch\._utils\._rebuild_qtensor$|^torch\.(cuda\.)?Q\w+Storage$|^torch\.q(u?int\d+)/,
    "a quantised tensor",
  ],
  [/^torch\._utils\._rebuild_meta/, "a tensor on the meta device, which has no elements"],
  [/^torch\.(cuda\.)?Complex\w+Storage$|^torch\.complex\d+$/, "a complex tensor"],
  [/^torch\._utils\._rebuild_nested/, "a nested tensor"],
];

/** Code and message for a name that is not in `globals.ts`. */
export function refuseGlobal(name: string): { readonly code: string; readonly message: string } {
  const kind = tensorKinds.find(([pattern]) => pattern.test(name))?.[1];
  if (kind !== undefined) {
    return {
      code: "unsupported-tensor",
      message: `it holds ${kind} (${name}). Save dense float tensors: torch.save(model.state_dict(), path).`,
    };
  }
  if (name.endsWith("Storage")) {
    return {
      code: "unsupported-storage",
      message: `storage type ${name} is not known. Convert the tensors to float32 before torch.save.`,
    };
  }
  return {
    code: "forbidden-global",
    message:
      `its pickle asks for ${name}, which is not needed for weights. Nothing was executed. If you trust the ` +
      `file, re-save only its weights with PyTorch: torch.save(model.state_dict(), path).`,
  };
}
