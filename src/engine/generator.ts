/** Written into snapshots and archives; the version is the package's. */
export const GENERATOR = 'caf 0.1.0'
