import { Command, Option } from 'commander'
import type { Cli } from './cli.ts'
import { addCompletion } from './commands/completion.ts'
import { addDiff } from './commands/diff.ts'
import { addDoctor } from './commands/doctor.ts'
import { addExport } from './commands/export.ts'
import { addForget } from './commands/forget.ts'
import { addGc } from './commands/gc.ts'
import { addImport } from './commands/import.ts'
import { addInit } from './commands/init.ts'
import { addKey } from './commands/key.ts'
import { addLog } from './commands/log.ts'
import { addLs } from './commands/ls.ts'
import { addProve } from './commands/prove.ts'
import { addRepair } from './commands/repair.ts'
import { addRestore } from './commands/restore.ts'
import { addShow } from './commands/show.ts'
import { addSnapshot } from './commands/snapshot.ts'
import { addSnapshots } from './commands/snapshots.ts'
import { addStats } from './commands/stats.ts'
import { addValidator } from './commands/validator.ts'
import { addVerify } from './commands/verify.ts'
import { PROGRESS_MODES } from './progress-display.ts'
import { VERSION } from './version.ts'

const COMMANDS = [addInit, addDoctor, addSnapshot, addSnapshots, addShow, addLs, addDiff, addRestore, addExport, addImport, addVerify, addLog, addProve, addRepair, addForget, addGc, addKey, addValidator, addStats, addCompletion]

/** The whole command line. Parsing throws `CommanderError` where commander alone would end the process. */
export function createProgram (cli: Cli): Command {
  const { stdout, stderr } = cli.terminal
  const program = new Command('caf')
    .description("Incremental backups of PostgreSQL, Qdrant, matrices, files and agents' outputs in one verified snapshot.")
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show how a command is used')
    .helpCommand('help [command]', 'show how a command is used')
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: text => stdout.write(text),
      writeErr: text => stderr.write(text),
      outputError: (text, write) => { write(text.replace(/^error: /, 'caf: ')) },
    })
    .hook('preAction', (_program, command) => { cli.begin(command) })
  addGlobalOptions(program)
  for (const add of COMMANDS) add(program, cli)
  return program
}

function addGlobalOptions (program: Command): void {
  program.optionsGroup('Options for every command:')
    .option('--config <file>', 'configuration file (default: the nearest caf.config.ts or caf.config.json)')
    .option('--repository <folder>', 'where the snapshots are')
    .option('--project <name>', 'the line of snapshots to work on')
    .option('--postgres-url <url>', 'PostgreSQL server and database')
    .option('--qdrant-url <url>', 'Qdrant server')
    .option('--files-folder <folder>', 'folder of stored files')
    .option('--matrices-folder <folder>', 'folder of .npy matrices')
    .option('--secret-file <file>', "file with the project's secret (default: CAF_SECRET, else the configuration's, else JWT_SECRET)")
    .option('--concurrency <n>', 'how much is read at the same time')
    .option('--json', 'print JSON for programs')
    .addOption(new Option('--progress <how>', 'show progress: auto (a bar on a terminal), none, or json (lines on stdout)').choices(PROGRESS_MODES).default('auto'))
    .option('--verbose', 'on failure print the causes too')
}
