/**
 * The floors of the house, and the check that every import goes down.
 *
 * A package imports only from floors below its own; packages on one floor never import each other.
 * pnpm links only what a package declares, so its package.json is the whole truth about what it can
 * reach. Inside a package, a room (a folder of `src`) is entered by its entry file alone: the file
 * that bears the room's name.
 */

import { globSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'

/** From the ground up. */
const FLOORS: readonly (readonly string[])[] = [
  ['crypto', 'host'],
  ['stoq', 'trustchain', 'consensus', 'assets', 'proxy-nat', 'catalog-vm'],
  ['bootstrap'],
  ['nexus'],
]

const SCOPE = '@hypermesh/'

interface Manifest {
  readonly name: string
  readonly dependencies?: Record<string, string>
  readonly devDependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
}

function floorOf(name: string): number {
  return FLOORS.findIndex((floor) => floor.includes(name))
}

function checkFloors(name: string): string[] {
  const floor = floorOf(name)
  if (floor < 0) return [`${name} has no floor: name it in scripts/layers.ts`]
  const manifest: Manifest = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8'))
  const uses = {
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
    ...manifest.peerDependencies,
  }
  return Object.keys(uses)
    .filter((used) => used.startsWith(SCOPE))
    .map((used) => used.slice(SCOPE.length))
    .filter((used) => floorOf(used) < 0 || floorOf(used) >= floor)
    .map((used) => `${name} may not depend on ${used}: it is not on a floor below`)
}

function checkRooms(name: string): string[] {
  const source = join('packages', name, 'src')
  return globSync(`${source}/**/*.ts`).flatMap((file) => {
    const imports = readFileSync(file, 'utf8').matchAll(/from '(\.{1,2}\/[^']+)'/g)
    return [...imports].flatMap(([, target = '']) => {
      const reached = normalize(join(dirname(file), target))
      const room = dirname(reached)
      const isOutside = room !== source && room !== dirname(file) && !dirname(file).startsWith(`${room}/`)
      return isOutside && basename(reached, '.ts') !== basename(room)
        ? [`${file} reaches past the entry of ${room}: ${target}`]
        : []
    })
  })
}

const errors = readdirSync('packages').flatMap((name) => [...checkFloors(name), ...checkRooms(name)])
for (const error of errors) console.error(error)
process.exitCode = errors.length > 0 ? 1 : 0
