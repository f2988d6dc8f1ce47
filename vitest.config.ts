import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Tests read each package's source, so they need no build.
  ssr: { resolve: { conditions: ['@hypermesh/source', 'module', 'node'] } },
  test: {
    reporters: ['default', 'json'],
    outputFile: { json: 'node_modules/.cache/tests.json' },
    include: ['packages/*/test/**/*.test.ts', 'examples/test/**/*.test.ts'],
    execArgv: ['--disable-warning=ExperimentalWarning', '--conditions=@hypermesh/source'],
    // Most tests wait for others' processes, so every core is given one; by default two cores get one.
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
