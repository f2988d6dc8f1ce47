import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'

/**
 * The absolute path of a program, or undefined when this host has none of that name.
 *
 * @param name - A name to look up on PATH, or a path. Relative entries of PATH are passed over: what runs must not
 *   depend on the working folder.
 */
export function findProgram(name: string): string | undefined {
  if (name === '' || name.includes('\0')) return undefined
  if (name.includes('/')) return isProgram(resolve(name)) ? resolve(name) : undefined
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((each) => isAbsolute(each))
  return folders.map((folder) => join(folder, name)).find((path) => isProgram(path))
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
