import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

const example = fileURLToPath(new URL('../../../examples/stoq.ts', import.meta.url))

test('the example runs, and its process ends by itself', async () => {
  const child = spawn(process.execPath, [...process.execArgv, example], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 10_000,
  })
  let printed = ''
  child.stdout.on('data', (chunk: Uint8Array) => (printed += new TextDecoder().decode(chunk)))
  const [code] = await once(child, 'close')
  expect(code).toBe(0)
  expect(printed).toContain('2, 4, 6')
})
