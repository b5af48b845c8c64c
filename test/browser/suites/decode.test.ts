import { decodeImage } from "ssl-resnext/web";
import { describe, expect, it } from "vitest";
import { codeOf, decodeSuite, fileOf, named } from "../../contract/decode.ts";

decodeSuite(decodeImage, { unsupported: /^tiff|^jpeg (cmyk|ycck)/ });

describe("decodeImage in a page", () => {
  /** 13 x 9 pixels whose bytes are (i * 37) % 256, written by sharp without loss. */
  const file =
    "AAAAHGZ0eXBhdmlmAAAAAG1pZjFhdmlmbWlhZgAAAOptZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABDgABAAAAAAAAAjwAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABhdjAxAAAAAA5waXRtAAAAAAABAAAAamlwcnAAAABLaXBjbwAAAAxhdjFDgSACAAAAABNjb2xybmNseAABAA0AAIAAAAAUaXNwZQAAAAAAAAANAAAACQAAABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAAkRtZGF0EgAKCDgM8hhAQ0AIMq0EEAAA0I1xP/p+EvHaR2z8ERgz6ULCDIAJBiIjBiIi/PIJL/WHYa7tfvzr6/Ra/sJTYot6Brzxw8cEM3+pDOM+le7nN3MhQ/c5GcECOHkh5JIlcqCNEoK1gHqiBVFR5v8RxIll8Z1v7K40cL/NpVNSWyBMKl3MHNGY7nR6o1YsPEgyD/wMCvfTq48spoL2KRudmqpMAPl3uDAfCtsWLx8Keyj3/xpD/yR2NTO6GePEakOdHBD/En+3iNSHRS3IeJFxcB1OdnAuLLtkKfvbsrb52d8ws7EzEVnnCCCzvav9Wt7Uxc77nCBgP1WcXKNjQjPnQlNTinF6I+r2kjbtvhpW1FrBgPzxRczAdXXlwDf3EW2QH0XEGnt/HZTioBLAZaSpGVxjxwixwuv1ZwWCE/otz+3LnuHv9DPV82gVucSewEodTvTBGSx4joKFFPj+Mjk7iTet/fqG8nofissLK6VB5KXctRVdYWUl2Fw4C9VptVjwxIl0Irj776DsOk3rRB7w6PPUj38iTiDP3vPcU2qPUfFRIPj3yvKdRP7PagYlsbMnhOizRIP+u+f80STVDBSPc7tnmasnX9/RjgvmVwRrfyinIfER2EbstnafuPU0Vb7a+nIC9gmnt+uSEn1625VNITY1sC6dME5CvClnxPf7NjBGlEP/0wABxIxIoa+8M3uE8BQGBDAyjOe6NXuRR6oIP0NA6UVcwfvzN0Z/NjRSJk7WmiLKQbgCsUNhRIA=";
  const avif = fileOf({ name: "avif", file, width: 13, height: 9, rgb: "" });

  it("reads AVIF", async () => {
    const { width, height, data } = await decodeImage(avif);
    expect({ width, height }).toEqual({ width: 13, height: 9 });
    // The conversion to YCbCr and back is rounded.
    const furthest = Math.max(...data.map((byte, i) => Math.abs(byte - ((i * 37) % 256))));
    expect(furthest).toBeLessThanOrEqual(3);
  });

  it("refuses an AVIF that is too large before it decodes it", async () => {
    expect(await codeOf(decodeImage, avif, { maxPixels: 116 })).toBe("image/too-large");
  });

  it("goes on after an image at which the decoder gave up", async () => {
    const whole = named("jpeg rgb");
    const broken = whole.map((byte, i) => (i > 20 && i < 200 ? byte ^ 0x55 : byte));
    for (let round = 0; round < 3; round++) {
      expect(await codeOf(decodeImage, broken)).toBe("image/corrupt");
      expect(await codeOf(decodeImage, whole)).toBe("decoded");
    }
  });
});
