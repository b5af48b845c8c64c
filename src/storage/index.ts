export {
  baseName,
  existing,
  isUrl,
  joinBytes,
  readBytes,
  readText,
  storageTable,
  writeBytes,
  writeText,
  type Entry,
  type FileWriter,
  type GrowingFile,
  type ListedEntry,
  type LockOptions,
  type OpenFile,
  type Storage,
  type StorageFor,
  type StorageOptions,
} from "./storage.ts";
export { endsEarly, notAFile, notFound } from "./storage-errors.ts";
export { httpStorage } from "./http-storage.ts";
export { memoryStorage } from "./memory-storage.ts";
