/** For expect.poll: machines that run tests may be slow, and what is waited for comes at once on others. */
export const PATIENT = { timeout: 60_000, interval: 20 }
