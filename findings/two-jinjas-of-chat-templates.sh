#!/usr/bin/env bash
# Chat templates: what `@huggingface/jinja` renders is not what Python renders, and neither says so.
#
# A checkpoint's chat template is written against Jinja2, with which Python's transformers renders it. The JavaScript
# library of the same publisher takes the same template and, without an error, prints booleans, None, dictionaries and
# lists by JavaScript's rules, compares '1' == 1 as true and equal lists as different, gives % the sign of its left side,
# and leaves the tail of a word as it is in `capitalize` and `title`. So a template with {{ message.content }} of a
# message without content, or one that prints its tools, gives other tokens in a browser than in training.
#
# Exit 0: seen as described. Exit 1: one of the two renders otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >npm.log
npm install --no-audit --no-fund --ignore-scripts --save-exact @huggingface/jinja@0.5.11 >>npm.log
python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target python \
  jinja2==3.1.6 markupsafe==3.0.3

cat >templates.json <<'EOT'
[
  "content: {{ message.content }}",
  "thinking: {{ thinking }}",
  "arguments: {{ arguments }}",
  "{% if level == 1 %}first{% else %}other{% endif %}",
  "{% if roles == ['user', 'assistant'] %}alternating{% else %}otherwise{% endif %}",
  "{{ -7 % 3 }}",
  "{{ 'mcDONALD' | capitalize }}",
  "{{ 'well-known WORDS' | title }}"
]
EOT
cat >values.json <<'EOT'
{
  "message": { "role": "assistant", "content": null },
  "thinking": true,
  "arguments": { "city": "Oslo", "exact": false },
  "level": "1",
  "roles": ["user", "assistant"]
}
EOT
cat >seen.py <<'EOT'
import json, sys
sys.path.insert(0, "python")
import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
values = json.load(open("values.json"))
print(json.dumps([jinja2.__version__] + [
    environment.from_string(template).render(**values) for template in json.load(open("templates.json"))]))
EOT
cat >seen.mjs <<'EOT'
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Template } from '@huggingface/jinja';
const read = (name) => JSON.parse(readFileSync(name, 'utf8'));
const { version } = read('node_modules/@huggingface/jinja/package.json');
const [python, ...expected] = JSON.parse(execFileSync('python3', ['seen.py'], { encoding: 'utf8' }));
console.log(`@huggingface/jinja ${version} on Node ${process.version}; Jinja2 ${python}`);
let differences = 0;
read('templates.json').forEach((template, index) => {
  const found = new Template(template).render(read('values.json'));
  console.log(`${template}\n    JavaScript: ${found}\n    Python:     ${expected[index]}`);
  if (found !== expected[index]) differences++;
});
console.log(`${differences} of ${expected.length} differ`);
process.exitCode = differences === 8 ? 0 : 1;
EOT
node seen.mjs
