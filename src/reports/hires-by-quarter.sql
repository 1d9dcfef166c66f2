-- title: Hires by quarter
-- description: People hired in a year, by department and job, a column for each quarter of the year in UTC
-- parameter: year integer 1 9999 The year of the hires, in UTC
-- tables: hired_employees, departments, jobs
-- key: year, department_id, job_id
-- hidden: department_id, job_id
-- order: department, job
-- refresh: 15m
-- chart: stacked department Q1 Q2 Q3 Q4
with hires as (
  -- Counted by numbers before the names come in, which is much faster.
  select date_trunc('quarter', datetime at time zone 'UTC') as quarter, department_id, job_id, count(*) as hired
    from hired_employees
   group by 1, 2, 3),
counted as (
  select extract(year from quarter)::integer as year, department_id, job_id,
         coalesce(sum(hired) filter (where extract(quarter from quarter) = 1), 0)::bigint as "Q1",
         coalesce(sum(hired) filter (where extract(quarter from quarter) = 2), 0)::bigint as "Q2",
         coalesce(sum(hired) filter (where extract(quarter from quarter) = 3), 0)::bigint as "Q3",
         coalesce(sum(hired) filter (where extract(quarter from quarter) = 4), 0)::bigint as "Q4"
    from hires
   group by 1, 2, 3)
select year, d.department collate "C" as department, j.job collate "C" as job, "Q1", "Q2", "Q3", "Q4",
       department_id, job_id
  from counted
  join departments d on d.id = department_id
  join jobs j on j.id = job_id
