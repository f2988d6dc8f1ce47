#!/usr/bin/env node
import { Command, Option } from 'commander'

import type { MeshFlags } from './mesh/command.ts'

const program = new Command('nexus').description('Command a node and its mesh from the terminal.')

program
  .command('mesh')
  .description('start a mesh of four nodes on this machine and run a job through it')
  .argument('<job>', 'module that exports `job`')
  .option('--json', 'one JSON object a line, the summary last')
  .option('--kill-one', 'kill a node in the middle of the job')
  .addOption(
    new Option('--isolation <level>', 'weakest isolation that the job accepts')
      .choices(['isolate', 'namespace', 'kernel'])
      .default('isolate'),
  )
  .action(async (job: string, flags: MeshFlags) => {
    // Loaded late: a typing mistake is answered before the packages below are read.
    const { mesh } = await import('./mesh/command.ts')
    process.exitCode = await mesh(job, flags)
  })

await program.parseAsync()
