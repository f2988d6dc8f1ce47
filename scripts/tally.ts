/**
 * Prints what the last test run counted, as one plain line: `N passed, N failed, N skipped`.
 *
 * Exits 1 when no report is there, when nothing ran, or when something failed.
 */

import { readFileSync } from 'node:fs'

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly success: boolean
}

const report: Report = JSON.parse(readFileSync('node_modules/.cache/tests.json', 'utf8'))
console.log(
  `${report.numPassedTests} passed, ${report.numFailedTests} failed, ${report.numPendingTests} skipped`,
)
process.exitCode = report.success && report.numPassedTests > 0 ? 0 : 1
