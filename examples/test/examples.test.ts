import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const names = readdirSync(join(root, 'examples'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))

// A job module does nothing by itself; the tests of nexus run it.
const programs = names.filter((name) => name !== 'nexus')

const flags = ['--disable-warning=ExperimentalWarning', '--conditions=@hypermesh/source']

test.each(programs)(
  'the example of %s runs, and ends by itself',
  { timeout: 60_000 },
  async (name) => {
    const file = join(root, 'examples', `${name}.ts`)
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, file], {
      timeout: 50_000,
    })
    expect(stdout.trim()).not.toBe('')
  },
)

test.each(names)('the page of %s shows the example that runs', (name) => {
  const source = readFileSync(join(root, 'examples', `${name}.ts`), 'utf8')
  const code = source.replace(/^\/\*\*[^]*?\*\/\n\n/, '').trimEnd()
  // The proofs have a page of their own; every other example is its package's snippet.
  const page = name === 'proofs' ? ['docs', 'proofs.md'] : ['packages', name, 'README.md']
  expect(readFileSync(join(root, ...page), 'utf8')).toContain(code)
  expect(code.split('\n').length).toBeLessThanOrEqual(40)
})

test('every package has an example and a README', () => {
  const packages = readdirSync(join(root, 'packages'))
  expect(names).toEqual(expect.arrayContaining(packages))
})
