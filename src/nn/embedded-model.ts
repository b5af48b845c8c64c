/**
 * Name of the model whose weights are part of the package, so that something is classified right after install.
 *
 * What it knows, how it was trained and how often it is right stands in its file, `models/<name>.safetensors`.
 */
export const embeddedModel = "ssl_resnext17_cifar10";
