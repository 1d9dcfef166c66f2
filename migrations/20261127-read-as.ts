import { Migration } from '@mikro-orm/migrations';

/** How files are read in place of what the dictionary says, by loads and by arrivals; and how one seems to be written. */
export class ReadAs20261127 extends Migration {
  override up(): void {
    // Null in what processes of an earlier version write: they read every file as the dictionary says.
    this.addSql('alter table longshore.load add column read_as jsonb, add column hint text');
    this.addSql('alter table longshore.arrival add column dialect jsonb');
  }
}
