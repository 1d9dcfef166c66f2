/** What the sample is made of. Invented, and plain ASCII: no cell needs a quote. */
export const FIRST_NAMES: readonly string[] = words(`
  Ada Alan Alba Amos Anna Anton Arlo Asta Aud Axel Beata Ben Berit Bo Bram Carla Cato Cleo Clive Dag Dana Della
  Dirk Dora Edda Egon Eli Elsa Emil Enid Erik Esme Eva Ezra Finn Flora Frida Gail Gerd Gil Greta Gus Hana Hazel
  Hugo Ida Ines Ivo Jana Jens Joel Jonas Judit Kai Karin Kerr Lars Leda Lena Leo Lotte Luca Mabel Maja Marek
  Mats Mina Nadia Neil Nils Nora Odin Olga Omar Otto Paula Pia Quinn Rafe Rhea Rita Rolf Rosa Runa Sada Sam Selma
  Signe Sten Tessa Thea Tove Ulla Uma Vera Vito Wanda Wim Yara Zeno Zita`);

export const LAST_NAMES: readonly string[] = words(`
  Abbot Adler Ames Arden Ash Baker Banks Barlow Beck Birch Black Blom Boyd Brand Brook Burke Byrne Cairn Castle
  Chase Clay Cole Cross Dahl Dale Drake Dunn Eaton Elder Ellis Farr Finch Flint Ford Frost Gale Garner Glass
  Grant Gray Hale Hardy Hart Heath Hill Holm Hunt Ingram Iversen Jensen Keane Kemp Kirk Knox Lake Lang Larsen
  Linden Lowe Lund Marsh Mayer Mercer Moss Nash North Oakes Olsen Parr Peel Penn Pike Porter Quist Rand Reed
  Ridge Rowe Sand Shaw Skov Slate Snow Stone Storm Strand Thorn Vance Wade Wells West Winter Wood Wren York`);

export const DEPARTMENTS: readonly string[] = [
  'Assembly',
  'Charts and Maps',
  'Customs',
  'Dock Services',
  'Finance',
  'Fleet Planning',
  'Harbour Safety',
  'Human Resources',
  'Information Systems',
  'Marketing',
  'Research and Development',
  'Warehousing',
];

export const JOBS: readonly string[] = [
  'Account Manager',
  'Analyst',
  'Berth Planner',
  'Buyer',
  'Cargo Inspector',
  'Chart Editor',
  'Clerk',
  'Crane Operator',
  'Customs Agent',
  'Data Engineer',
  'Deckhand',
  'Designer',
  'Dispatcher',
  'Electrician',
  'Engineer',
  'Freight Broker',
  'Harbour Pilot',
  'Hydrographer',
  'Instructor',
  'Logistics Planner',
  'Mechanic',
  'Nurse',
  'Pharmacist',
  'Quality Auditor',
  'Recruiter',
  'Rigger',
  'Safety Officer',
  'Software Developer',
  'Statistician',
  'Stevedore',
  'Surveyor',
  'Technical Writer',
  'Tester',
  'Translator',
  'Warehouse Keeper',
  'Welder',
];

export const LEVELS: readonly string[] = ['', ' I', ' II', ' III', ' IV'];

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
