import { runDemo } from './demo.ts'
import { createReport } from './report.ts'

// What pg, Qdrant's client and the engine throw comes here; the servers end with this process in any case.
try {
  await runDemo(createReport({ json: process.argv.includes('--json'), stream: process.stdout }))
} catch (error) {
  process.stderr.write(`the demo failed: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`)
  process.exitCode = 1
}
