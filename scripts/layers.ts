/**
 * The floors of the house, and the check that every import goes down.
 *
 * A package imports only from floors below its own; packages on one floor never import each other.
 * pnpm links only what a package declares, so its package.json is the whole truth about what it can
 * reach. A large package has rooms: folders of `src` that are entered by one file, which bears the
 * room's name.
 */

import { globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** From the ground up. */
const FLOORS: readonly (readonly string[])[] = [
  ['crypto', 'host'],
  ['stoq', 'trustchain', 'consensus', 'assets', 'proxy-nat', 'catalog-vm'],
  ['bootstrap'],
  ['nexus'],
]

/** Folders that nothing outside reaches into past their entry; the package's door may. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  consensus: ['driver', 'journal', 'light', 'merkle', 'proofs', 'simplex', 'state'],
  bootstrap: ['ledger', 'phases'],
}

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

function checkRooms([name, rooms]: readonly [string, readonly string[]]): string[] {
  const source = join('packages', name, 'src')
  return globSync(`${source}/**/*.ts`)
    .filter((file) => file !== join(source, 'index.ts'))
    .flatMap((file) => {
      const targets = [...readFileSync(file, 'utf8').matchAll(/from '(\.{1,2}\/[^']+)'/g)]
      return targets
        .map(([, target = '']) => relative(source, join(dirname(file), target)).split('/'))
        .filter(([room = '', ...rest]) => rooms.includes(room) && rest.join('/') !== `${room}.ts`)
        .filter(([room = '']) => !file.startsWith(`${join(source, room)}/`))
        .map((path) => `${file} reaches past the entry of a room: ${path.join('/')}`)
    })
}

const errors = [
  ...readdirSync('packages').flatMap(checkFloors),
  ...Object.entries(ROOMS).flatMap(checkRooms),
]
for (const error of errors) console.error(error)
process.exitCode = errors.length > 0 ? 1 : 0
