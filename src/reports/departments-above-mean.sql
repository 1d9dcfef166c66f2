-- title: Departments above the mean
-- description: Departments that hired more people in a year than the mean of all departments that hired in that year
-- parameter: year integer 1 9999 The year of the hires, in UTC
-- tables: hired_employees, departments
-- key: year, id
-- order: hired desc, department, id
-- refresh: 15m
-- chart: bar department hired
with hires as (
  select extract(year from year)::integer as year, department_id, hired
    from (select date_trunc('year', datetime at time zone 'UTC') as year, department_id, count(*) as hired
            from hired_employees
           group by 1, 2) counted),
totals as (
  select year, sum(hired) as hired, count(*) as departments from hires group by year)
select h.year, d.id, d.department collate "C" as department, h.hired
  from hires h
  join totals t using (year)
  join departments d on d.id = h.department_id
 -- More than the mean, without a division that would round.
 where h.hired * t.departments > t.hired
