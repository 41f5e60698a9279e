#!/usr/bin/env node
// Plain old syntax and no static import, so that an old Node gets as far as the sentence below.
if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write('caf: Node 24 or newer is needed, this is ' + process.version + '\n')
  process.exitCode = 2
} else {
  import('./thread-pool.ts').then(function (threads) {
    threads.widenThreadPool(process.env)
    return import('./memory-limits.ts')
  }).then(function (memory) {
    memory.limitMemory(process, process.env)
    return import('./compile-cache.ts')
  }).then(function (cache) {
    cache.keepCompiledCode(process.env)
    return import('./run-cli.ts')
  }).then(function (cli) { return cli.runProcess() }).catch(function (error) {
    console.error(error)
    process.exitCode = 1
  })
}
