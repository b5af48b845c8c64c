import { createModel } from "ssl-resnext";

const opening = createModel("ssl_resnext17_cifar10");
const [input, list] = document.querySelectorAll("input, ol");
async function answer() {
  const model = await opening;
  for (const file of input.files) {
    const [best] = await model.classify(file);
    list.append(Object.assign(document.createElement("li"), { textContent: `${file.name}: ${best.label}` }));
  }
}
input.addEventListener("change", () => void answer());
