import { pack, type Header } from "tar-stream";

/** A member of an archive to be written: a directory when it has no body. */
export interface Member extends Partial<Header> {
  readonly name: string;
  readonly body?: string | Buffer;
}

/** A tar archive as tar-stream, an independent implementation, writes it. */
export async function tarBytes(members: readonly Member[]): Promise<Buffer> {
  const archive = pack();
  for (const { body, ...header } of members) {
    if (body === undefined) archive.entry({ type: "directory", ...header });
    else archive.entry(header, body);
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
