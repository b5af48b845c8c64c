export {
  baseName,
  checkSpace,
  existing,
  folderBytes,
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
  endsEarly,
  notAFile,
  notFound,
} from "./storage.ts";
export { fetchFailure, type FetchFailure } from "./fetch-failure.ts";
export { httpStorage } from "./http-storage.ts";
export { memoryStorage } from "./memory-storage.ts";
