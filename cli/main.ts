#!/usr/bin/env node
/**
 * The program `mmfree`. Everything behind the first line of output is loaded only on a Node that can run it: an old one
 * would end in the middle of something, or compute without a word what nobody has tried. So this file and what it
 * imports are written for Node 12 and later.
 */

import { nodeProblem } from './node-version.js';

const problem = nodeProblem(process.versions.node, process.argv.slice(2));
if (problem === undefined) {
  void start();
} else {
  (problem.isJson ? process.stdout : process.stderr).write(problem.text);
  process.exitCode = problem.exit;
}

async function start(): Promise<void> {
  const { pathToFileURL } = await import('node:url');
  const { programFile } = await import('../model/program-file.js');
  await import(pathToFileURL(programFile('cli/start.js')).href);
}
