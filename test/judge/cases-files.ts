import { packageOf } from './packages.ts';
import type { JudgeCase } from './verdict.ts';

const FIELDS = [
  { name: 'id', type: 'integer', constraints: { required: true } },
  { name: 'name', type: 'string', constraints: { required: true } },
  { name: 'note', type: 'string' },
];

/** How rows are written, cut and headed. */
export function fileCases(): JudgeCase[] {
  return [...widthCases(), ...dialectCases(), ...headerCases(), ...encodingCases()];
}

function single(name: string, file: string | Buffer, part: object = {}): JudgeCase {
  return packageOf(name, [{ name: 't', fields: FIELDS, file, ...part }]);
}

function widthCases(): JudgeCase[] {
  const rows = ['1,a,x', '2,b', '3', '4,d,y,z', '5,e,,,', ',,', ',', '""', '" ",,', 'x', ',,,extra', '6,f,'];
  const free = FIELDS.map(({ name, type }) => ({ name, type }));
  return [
    single('too few cells, too many, blank rows', `${rows.join('\n')}\n`),
    single('blank rows where all may be null', `${rows.join('\n')}\n`, { fields: free }),
    single('blank lines', '1,a,x\n\n2,b,y\n\n\n3,c,z\n\n'),
    single('a table of one field', '1\n\n2\n""\nx\n', { fields: [{ name: 'id', type: 'integer' }] }),
    single('no line break at the end', '1,a,x\n2,b,'),
    single('line ends CRLF', '1,a,x\r\n2,,y\r\n\r\n3,c,z\r\n'),
    single('quoted line breaks', '1,"a\nb\n",x\n2,,"\n"\n3,"\r\n",y\n4,,z\n'),
    single('quotes in cells', '1,a"b,x\n2,"a""b",x\n3,"",y\n4,"""",z\n,"a,b",x\n'),
    single('a NUL character', '1,a\0b,x\n2,b,\0\n3,c,z\n'),
    single('a quote that is never closed', `1,a,x\n2,"b,y\n3,c,z\n${'4,d,w\n'.repeat(20)}5,,v\n`),
  ];
}

function dialectCases(): JudgeCase[] {
  return [
    single('semicolons and single quotes', "1;'a;b';x\n2;;y\n3;'it''s';z\n", {
      dialect: { delimiter: ';', quoteChar: "'" },
    }),
    single('tabs', '1\ta\tx\n2\t\ty\n3\tc\n', { dialect: { delimiter: '\t' } }),
    single('an escape character', '1,"a\\"b",x\n2,"\\\\",y\n3,"",z\n,"a\\",b",w\n', {
      dialect: { doubleQuote: false, escapeChar: '\\' },
    }),
    single('spaces after delimiters', '1, a, x\n2, , y\n3, "a, b", z\n4,c, \n', {
      dialect: { skipInitialSpace: true },
    }),
    single('spaces that are kept', '1, a, x\n2, , y\n 3 ,c, z\n'),
    single('comments', '# one,two\n1,a,x\n#2,,y\n3,#c,z\n4,,# w\n', { dialect: { commentChar: '#' } }),
  ];
}

function headerCases(): JudgeCase[] {
  const header = { header: true };
  const headed = (name: string, file: string, fieldsMatch?: string) =>
    single(name, file, { dialect: header, schema: fieldsMatch ? { fieldsMatch } : {} });
  return [
    headed('a header', 'id,name,note\n1,a,x\n2,,y\nx,c,z\n'),
    headed('a header with spaces', ' id ,name, note\n1,a,x\n2,,y\n'),
    headed('a quoted header over two lines', 'id,"name",note\n1,a,"x\ny"\n2,,y\n'),
    headed('exact: another order', 'name,id,note\na,1,x\n'),
    headed('exact: one missing', 'id,name\n1,a\n'),
    headed('exact: one more', 'id,name,note,more\n1,a,x,m\n'),
    headed('exact: other case', 'ID,name,note\n1,a,x\n'),
    headed('exact: one twice', 'id,name,name\n1,a,x\n'),
    headed('equal', 'note,id,name\nx,1,a\ny,2,\n,x,c\n,,\nz,3\nw,4,d,e\n', 'equal'),
    headed('equal: one missing', 'note,id\nx,1\n', 'equal'),
    headed('equal: one more', 'note,id,name,more\nx,1,a,m\n', 'equal'),
    headed('subset', 'more,note,id,name\nm,x,1,a\n,y,2,\n,,,\nm,,,\nm,x\n', 'subset'),
    headed('subset: one missing', 'more,note,id\nm,x,1\n', 'subset'),
    headed('superset', 'name,id\na,1\n,2\n,\nc\nd,x\n', 'superset'),
    headed('superset: a required one missing', 'note,id\nx,1\n', 'superset'),
    headed('superset: one more', 'name,id,more\na,1,m\n', 'superset'),
    headed('partial', 'more,name,id\nm,a,1\nm,,2\n,,\nm,,\n', 'partial'),
    headed('partial: none', 'more,other\nm,o\n', 'partial'),
  ];
}

function encodingCases(): JudgeCase[] {
  const latin = Buffer.from('1,Zo\xeb,\xe9t\xe9\n2,,\xfc\nx,\xff,\n', 'latin1');
  const russian = Buffer.from([...Buffer.from('1,'), 0xc1, 0xc2, ...Buffer.from(',x\n2,,'), 0xd7, 10]);
  const limited = [FIELDS[0]!, { name: 'name', type: 'string', constraints: { maxLength: 3 } }, FIELDS[2]!];
  return [
    single('windows-1252', latin, { encoding: 'windows-1252', fields: limited }),
    single('koi8-r', russian, { encoding: 'koi8-r', fields: limited }),
    single('utf-8', '1,Zoë,été\n2,Zoëë,é\n3,😀😀😀,x\n4,,\n', { fields: limited }),
    single(
      'bytes that are no utf-8',
      Buffer.concat([Buffer.from('1,a,x\n2,b'), latin.subarray(2, 8), Buffer.from('\n3,c,z\n')]),
    ),
  ];
}
