import { booleanCaster } from './cast-boolean.ts';
import { dateCaster } from './cast-date.ts';
import { datetimeCaster } from './cast-datetime.ts';
import { integerCaster } from './cast-integer.ts';
import { numberCaster } from './cast-number.ts';
import { stringCaster } from './cast-string.ts';
import { timeCaster } from './cast-time.ts';
import type { Caster, FieldReading } from './field-reading.ts';

/** @throws RangeError when the field's format is not one that `formatFault` accepts. */
export function casterFor(field: FieldReading): Caster {
  switch (field.type) {
    case 'integer':
      return integerCaster(field);
    case 'number':
      return numberCaster(field);
    case 'boolean':
      return booleanCaster(field);
    case 'date':
      return dateCaster(field.format);
    case 'datetime':
      return datetimeCaster(field.format);
    case 'time':
      return timeCaster(field.format);
    case 'string':
      return stringCaster(field.format);
    case 'any':
      return stringCaster('default');
  }
}
