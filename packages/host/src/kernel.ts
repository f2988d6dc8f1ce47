import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'

/** The kernel's text files under /proc and /sys: how Linux is asked and told without native code. */
export interface KernelFiles {
  read(path: string): string
  /** Writes to a file that is there; it never makes one. */
  write(path: string, text: string): void
  makeFolder(path: string): void
  removeFolder(path: string): void
  /** The names of the folders in a folder. */
  folders(path: string): readonly string[]
}

/** The files of the running kernel. */
export const kernelFiles: KernelFiles = {
  read: (path) => readFileSync(path, 'utf8'),
  write: (path, text) => {
    writeFileSync(path, text, { flag: 'r+' })
  },
  makeFolder: (path) => {
    mkdirSync(path)
  },
  removeFolder: (path) => {
    rmdirSync(path)
  },
  folders: (path) => {
    const entries = readdirSync(path, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  },
}

/** The file's text, or undefined where this kernel has no such file or does not show it to us. */
export function readIfThere(files: KernelFiles, path: string): string | undefined {
  try {
    return files.read(path)
  } catch {
    return undefined
  }
}

/** The number that follows a key in a file of `key value` lines. */
export function numberAfter(text: string | undefined, key: string): number | undefined {
  const line = text?.split('\n').find((each) => each.startsWith(`${key} `))
  return line === undefined ? undefined : wholeNumber(line.slice(key.length + 1))
}

/** A file that holds one number; undefined for `max` and everything else that is none. */
export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d+\s*$/.test(text) ? Number(text) : undefined
}
