-- title: Hires by quarter
-- description: People hired in a year, by department and job, a column for each quarter of the year in UTC
-- parameter: year integer 1 9999 The year of the hires, in UTC
-- tables: hired_employees, departments, jobs
-- key: year, department_id, job_id
-- hidden: department_id, job_id
-- order: department, job
-- refresh: 15m
-- chart: stacked department Q1 Q2 Q3 Q4
select extract(year from h.hired_at)::integer as year,
       d.department collate "C" as department,
       j.job collate "C" as job,
       count(*) filter (where extract(quarter from h.hired_at) = 1) as "Q1",
       count(*) filter (where extract(quarter from h.hired_at) = 2) as "Q2",
       count(*) filter (where extract(quarter from h.hired_at) = 3) as "Q3",
       count(*) filter (where extract(quarter from h.hired_at) = 4) as "Q4",
       d.id as department_id,
       j.id as job_id
  from (select datetime at time zone 'UTC' as hired_at, department_id, job_id from hired_employees) h
  join departments d on d.id = h.department_id
  join jobs j on j.id = h.job_id
 group by 1, d.id, d.department, j.id, j.job
